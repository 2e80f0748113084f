package column

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const intro = `# Fields

One spelling everywhere: JSON keys, CSV headers, ` + "`--fields`, `--sort`" + `, filters, the column chooser and recordings.
A missing value is ` + "`null`" + ` in JSON and an empty cell in CSV. Written from the list in ` + "`internal/column`" + `
by ` + "`go test ./internal/column -update`" + `.
`

// WriteMarkdown writes the reference of all fields, docs/columns.md: one table
// for each group. It returns the error of w.
func (l *List) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(intro)
	group := ""
	for i := range l.cols {
		c := &l.cols[i]
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n## %s\n\n| field | type | unit | meaning |\n|---|---|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s%s |\n", c.Name, c.typeName(), c.Unit, cell(c.Help), c.valueList())
	}
	b.WriteString("\n## Short forms\n\n`--fields`, `--sort` and filters also take these.\n\n| short | field |\n|---|---|\n")
	for _, s := range l.shortForms() {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", s.short, s.name)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// typeName is the JSON type of the field's values.
func (c *Column) typeName() string {
	switch {
	case c.Kind == Bool:
		return "bool"
	case c.Kind == Time:
		return "RFC 3339"
	case c.Text != nil:
		return "text"
	case c.Addr != nil:
		return "address"
	}
	return "integer"
}

func (c *Column) valueList() string {
	if len(c.Values) == 0 {
		return ""
	}
	return " One of `" + strings.Join(c.Values, "` `") + "`."
}

// cell keeps text from ending its table cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
