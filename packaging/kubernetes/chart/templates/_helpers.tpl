{{- define "tcptop.selector" -}}
app.kubernetes.io/name: tcptop
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tcptop.labels" -}}
{{ include "tcptop.selector" . }}
app.kubernetes.io/component: agent
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* The release, with the chart's name in it once. */}}
{{- define "tcptop.name" -}}
{{- if contains "tcptop" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-tcptop" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}
