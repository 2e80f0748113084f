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

{{- /* The secrets of what is sent to, by the names of their volumes. */}}
{{- define "tcptop.secrets" -}}
{{- range $lane := list "otlp" "flows" }}
{{- with index $.Values $lane }}
{{- if and .url .headersSecret }}
{{ $lane }}-headers: {{ .headersSecret | quote }}
{{- end }}
{{- if and .url .caSecret }}
{{ $lane }}-ca: {{ .caSecret | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
