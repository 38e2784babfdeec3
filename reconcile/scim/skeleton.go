package scim

// Resource is a SCIM resource as decoded JSON: map[string]any, []any, string,
// bool, nil, and numbers as float64 or, with UseNumber, json.Number.
type Resource = map[string]any

// Filter is a parsed filter (RFC 7644 section 3.4.2.2).
type Filter struct{}

// FilterError says where a filter cannot be read, and what was expected there.
type FilterError struct {
	Position int // bytes from the start of the text
	Expected string
	Found    string
}

// Error says where and what, without quoting values from the filter.
func (e *FilterError) Error() string { return e.Expected }

// Unwrap gives the answer for the client: 400 invalidFilter.
func (e *FilterError) Unwrap() error {
	return &Error{Status: 400, ScimType: "invalidFilter", Detail: e.Error()}
}

// ParseFilter reads a filter. The error is a *FilterError, and errors.As finds
// an *Error in it.
func ParseFilter(text string) (*Filter, error) { return nil, &FilterError{} }

// Matches says whether the filter matches the resource.
func (f *Filter) Matches(r Resource) bool { return false }

// String writes the filter in a form that parses to the same filter.
func (f *Filter) String() string { return "" }

// Equality gives attribute (lower case) and value of a plain: attribute eq "value".
func (f *Filter) Equality() (attribute, value string, ok bool) { return "", "", false }

// Path is a PATCH path (RFC 7644 section 3.5.2).
type Path struct{}

// ParsePath reads a PATCH path. The error is an *Error, 400 invalidPath.
func ParsePath(text string) (Path, error) { return Path{}, nil }

// String writes the path in a form that parses to the same path.
func (p Path) String() string { return "" }

// ApplyPatch applies the operations in order to a copy. Errors are *Error.
func ApplyPatch(r Resource, ops []Operation) (out Resource, changed bool, err error) {
	return r, false, nil
}

// Project is attributes= and excludedAttributes= (RFC 7644 section 3.9).
func Project(r Resource, attributes, excluded []string) Resource { return r }

// Scim1Members translates a SCIM 1.1 PATCH of members into operations.
func Scim1Members(members []Member) []Operation { return nil }
