package scim

import (
	"encoding/json"
	"strconv"
)

// The scimType words of RFC 7644 table 9 that this package gives, and uniqueness.
const (
	TypeInvalidFilter = "invalidFilter"
	TypeInvalidPath   = "invalidPath"
	TypeInvalidSyntax = "invalidSyntax"
	TypeInvalidValue  = "invalidValue"
	TypeMutability    = "mutability"
	TypeNoTarget      = "noTarget"
	TypeUniqueness    = "uniqueness"
)

// Error makes *Error an error, with the text of String, or the status when there
// is no text.
func (e *Error) Error() string {
	if text := e.String(); text != "" {
		return text
	}
	return "SCIM error, status " + strconv.Itoa(e.Status)
}

// MarshalJSON writes the error as RFC 7644 section 3.12 says: with schemas, and
// the status as text.
func (e Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Schemas  []string `json:"schemas"`
		Status   string   `json:"status"`
		ScimType string   `json:"scimType,omitempty"`
		Detail   string   `json:"detail,omitempty"`
	}{[]string{SchemaError}, strconv.Itoa(e.Status), e.ScimType, e.Detail})
}

// Body is the error as the body of an answer.
func (e *Error) Body() []byte {
	body, _ := e.MarshalJSON() // strings only: cannot fail
	return body
}
