package console

import (
	"net/http"
	"strings"
)

// settingGroup is one section of the configuration.
type settingGroup struct {
	Name     string
	Settings []Setting
}

func (c *console) configuration(v *visit) {
	p := v.page("configuration", "Configuration")
	var groups []settingGroup
	for _, s := range v.conn.Settings {
		name, _, nested := strings.Cut(s.Key, ".")
		if !nested {
			name = "general"
		}
		if len(groups) == 0 || groups[len(groups)-1].Name != name {
			groups = append(groups, settingGroup{Name: name})
		}
		last := &groups[len(groups)-1]
		last.Settings = append(last.Settings, s)
	}
	p.Body = groups
	v.show(http.StatusOK, "configuration", p)
}
