package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decodeYAML reads text strictly. Every unknown key is reported, with line,
// column and the nearest known key; then the first value of a wrong type.
func decodeYAML(path string, text []byte, into *config) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return explainYAML(path, text, err)
	}
	if second := ignored(file.Docs); second != nil {
		return pointAt(path, text, second.Start, "a second document begins here, and would not be read; take the --- away", false)
	}
	var errs []error
	for _, doc := range file.Docs {
		walkKeys(doc.Body, reflect.TypeFor[config](), "", func(t *token.Token, at string, known []string) {
			message := fmt.Sprintf("unknown key %q", at+t.Value)
			if near := nearest(t.Value, known); near != "" {
				message += fmt.Sprintf("; did you mean %q?", near)
			}
			errs = append(errs, pointAt(path, text, t, message, true))
		}, nil)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil // an empty file, or only comments
	}
	err = yaml.UnmarshalWithOptions(text, into, yaml.Strict(), yaml.CustomUnmarshaler(readTime))
	if wrong, at := misread(file.Docs, err); wrong != nil {
		return pointAt(path, text, wrong, at+": "+firstLine(err.Error()), false)
	}
	if err != nil {
		return explainYAML(path, text, err)
	}
	return nil
}

// misread finds the value that an error without a place is about, and its key: what reads
// its own text, as limits and durations do, does not know where it stands.
func misread(docs []*ast.DocumentNode, err error) (wrong *token.Token, at string) {
	if placed := yaml.Error(nil); err == nil || errors.As(err, &placed) {
		return nil, ""
	}
	for _, doc := range docs {
		walkKeys(doc.Body, reflect.TypeFor[config](), "", nil, func(n ast.Node, t reflect.Type, key string) {
			if alone := yaml.NodeToValue(n, reflect.New(t).Interface(), yaml.CustomUnmarshaler(readTime)); wrong == nil && alone != nil && alone.Error() == err.Error() {
				wrong, at = n.GetToken(), key
			}
		})
	}
	return wrong, at
}

// ignored gives the first document that says something and is not decoded: the one after
// the first that does. Directives are documents to the parser.
func ignored(docs []*ast.DocumentNode) *ast.DocumentNode {
	said := slices.DeleteFunc(slices.Clone(docs), func(d *ast.DocumentNode) bool {
		_, directive := d.Body.(*ast.DirectiveNode)
		return d.Body == nil || directive
	})
	if len(said) < 2 {
		return nil
	}
	return said[1]
}

// walkKeys calls unknown for each key of a section that the type does not have, and value
// for each value that is no section. Maps with free keys, such as titles, have no unknown ones.
func walkKeys(n ast.Node, t reflect.Type, at string, unknown func(*token.Token, string, []string), value func(ast.Node, reflect.Type, string)) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		if value != nil {
			value(n, t, strings.TrimSuffix(at, "."))
		}
		return
	}
	var known []string
	types := make(map[string]reflect.Type)
	for field := range t.Fields() {
		key := field.Tag.Get("yaml")
		known, types[key] = append(known, key), field.Type
	}
	for _, v := range mappingValues(n) {
		key := v.Key.GetToken()
		child, ok := types[key.Value]
		if !ok {
			unknown(key, at, known)
			continue
		}
		walkKeys(v.Value, child, at+key.Value+".", unknown, value)
	}
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// explainYAML turns an error of the YAML package into one that points at its
// place. It never prints the package's own excerpt, which shows the lines
// around the mistake and so may show a secret.
func explainYAML(path string, text []byte, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return fmt.Errorf("%s: %s", path, firstLine(err.Error()))
	}
	message := at.GetMessage()
	var syntax *yaml.SyntaxError
	var wrong *yaml.TypeError
	var other *yaml.UnexpectedNodeTypeError
	switch {
	case errors.As(err, &syntax): // its token may be the value before the mistake, which may be a secret
		if strings.HasPrefix(message, "found character '\t'") {
			message = "a tab indents here, which YAML does not allow; write blanks"
		}
		place := at.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, place.Line, place.Column, message)
	case errors.As(err, &wrong):
		message = fmt.Sprintf("expected %s, found %s", typeWord(wrong.DstType.Kind().String()), typeWord(wrong.SrcType.Kind().String()))
	case errors.As(err, &other):
		message = fmt.Sprintf("expected %s, found %s", typeWord(other.Expected.YAMLName()), typeWord(other.Actual.YAMLName()))
	}
	return pointAt(path, text, at.GetToken(), message, false)
}

// typeWord says what a type of Go or YAML is to whoever writes a configuration.
func typeWord(kind string) string {
	switch kind {
	case "int", "int64", "uint", "uint64":
		return "a whole number"
	case "float", "float64":
		return "a number"
	case "bool", "boolean":
		return "true or false"
	case "string":
		return "a text"
	case "slice", "sequence":
		return "a list"
	case "struct", "map", "mapping":
		return "a section of keys"
	}
	return kind
}

// secretive is what a line may not be shown after.
var secretive = regexp.MustCompile(`(?i)secret|token|passw|redis|://`)

// pointAt gives "file:line:column: message" and the start of that line with a
// caret under the token. What follows the token is not shown, and nothing of
// a line that may hold a secret but its key.
func pointAt(path string, text []byte, t *token.Token, message string, isKey bool) error {
	at := t.Position
	place := fmt.Sprintf("%s:%d:%d: %s", path, at.Line, at.Column, message)
	lines := strings.Split(string(text), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return errors.New(place)
	}
	runes := []rune(strings.TrimRight(lines[at.Line-1], "\r"))
	column := min(max(at.Column-1, 0), len(runes))
	before := string(runes[:column])
	if secretive.MatchString(before) {
		if !isKey {
			return errors.New(place)
		}
		before = "… "
	}
	gutter := fmt.Sprintf("%5d | ", at.Line)
	indent := strings.Repeat(" ", len(gutter)+len([]rune(before)))
	return fmt.Errorf("%s\n%s%s%s\n%s^", place, gutter, before, firstLine(t.Value), indent)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// nearest gives the known word at the smallest edit distance, if that is small
// enough to be a misspelling.
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if d := distance(word, k); d <= least && (best == "" || d < distance(word, best)) {
			best = k
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
