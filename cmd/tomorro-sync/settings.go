package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tomorro-sync/jobs/console"
	"tomorro-sync/reconcile"
)

// settings lists the configuration as it may be shown: in the order of the file,
// with secrets masked, and limits as they hold.
func (c *config) settings() []console.Setting {
	initial := defaultConfig()
	list := listSettings(reflect.ValueOf(c).Elem(), reflect.ValueOf(&initial).Elem(), "")
	general := func(s console.Setting) bool { return !strings.Contains(s.Key, ".") }
	slices.SortStableFunc(list, func(a, b console.Setting) int { // what has no section comes first
		switch {
		case general(a) == general(b):
			return 0
		case general(a):
			return -1
		}
		return 1
	})
	return list
}

func listSettings(v, initial reflect.Value, path string) (list []console.Setting) {
	for i := range v.NumField() {
		key := strings.TrimPrefix(path+"."+v.Type().Field(i).Tag.Get("yaml"), ".")
		value := v.Field(i)
		switch is := value.Interface().(type) {
		case limitsConfig:
			list = append(list, is.settings()...)
		case Secret, []Secret, time.Duration:
			list = append(list, console.Setting{Key: key, Value: settingText(value), Default: value.IsZero() || reflect.DeepEqual(is, initial.Field(i).Interface())})
		default:
			if value.Kind() == reflect.Struct {
				list = append(list, listSettings(value, initial.Field(i), key)...)
				continue
			}
			list = append(list, console.Setting{Key: key, Value: settingText(value), Default: reflect.DeepEqual(is, initial.Field(i).Interface())})
		}
	}
	return list
}

// settingText words one value. A Secret words itself, masked, also in a list.
func settingText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = settingText(v.Index(i))
		}
		return strings.Join(parts, ", ")
	case reflect.Map:
		var parts []string
		for _, key := range v.MapKeys() {
			parts = append(parts, fmt.Sprintf("%v: %s", key, settingText(v.MapIndex(key))))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	if d, ok := v.Interface().(time.Duration); ok && d == 0 {
		return "0"
	}
	return fmt.Sprint(v.Interface())
}

// settings lists the limits as they hold, the defaults laid under what is configured.
func (l *limitsConfig) settings() []console.Setting {
	holds, usual := l.limits(), reconcile.DefaultLimits()
	add := func(list []console.Setting, key, value, def string) []console.Setting {
		return append(list, console.Setting{Key: "limits." + key, Value: value, Default: value == def})
	}
	list := add(nil, "window", holds.Window.String(), usual.Window.String())
	list = add(list, "min_population", fmt.Sprint(holds.MinPopulation), fmt.Sprint(usual.MinPopulation))
	list = add(list, "band", shareText(holds.Band), shareText(usual.Band))
	for _, kind := range slices.Sorted(maps.Keys(holds.Allow)) {
		list = add(list, string(kind), allowanceText(holds.Allow[kind]), allowanceText(usual.Allow[kind]))
	}
	return list
}

func allowanceText(a reconcile.Allowance) string {
	switch {
	case a.Max == nil && a.Share == nil:
		return "none"
	case a.Share == nil:
		return fmt.Sprint(*a.Max)
	case a.Max == nil:
		return shareText(a.Share)
	}
	return fmt.Sprintf("%d or %s", *a.Max, shareText(a.Share))
}

func shareText(share *float64) string {
	if share == nil {
		return "none"
	}
	return reconcile.Percent(*share)
}
