package scim

import (
	"strings"
	"unicode"
)

// SchemaEnterprise is the enterprise extension of a user (RFC 7643 section 4.3).
const SchemaEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// schemaURNs says where each URN that may stand before an attribute leads: ""
// for the resource itself, else the key of the extension's object. The URNs of
// SCIM 1.0 are still sent.
var schemaURNs = map[string]string{
	SchemaUser:                                  "",
	SchemaGroup:                                 "",
	"urn:ietf:params:scim:schemas:core:2.0":     "",
	"urn:scim:schemas:core:1.0":                 "",
	SchemaEnterprise:                            SchemaEnterprise,
	"urn:scim:schemas:extension:enterprise:1.0": SchemaEnterprise,
}

// kind is the type of an attribute.
type kind int

const (
	kindUnknown kind = iota // an attribute of a schema not known here
	kindString              // case does not matter
	kindExact               // text whose case matters: ids, references
	kindBinary              // base64, whose case matters and which has no order
	kindBoolean
	kindDateTime
	kindComplex
)

// attribute is what the core schema says of an attribute (RFC 7643 section 8.7.1).
type attribute struct {
	name     string // canonical case
	kind     kind
	multi    bool
	readOnly bool
	subs     map[string]attribute // lower-case keys
}

// sub is what is known of a sub-attribute.
func (a attribute) sub(name string) attribute {
	if s, ok := a.subs[strings.ToLower(name)]; ok {
		return s
	}
	return attribute{name: name}
}

// core is the core schema of User and Group, and what all resources have.
var core = table(
	attribute{name: "id", kind: kindExact, readOnly: true},
	attribute{name: "externalId", kind: kindExact},
	attribute{name: "schemas", kind: kindString, multi: true},
	attribute{name: "meta", kind: kindComplex, readOnly: true, subs: table(
		attribute{name: "resourceType", kind: kindExact}, attribute{name: "created", kind: kindDateTime},
		attribute{name: "lastModified", kind: kindDateTime}, attribute{name: "location", kind: kindExact},
		attribute{name: "version", kind: kindExact})},
	attribute{name: "userName", kind: kindString},
	attribute{name: "name", kind: kindComplex, subs: texts("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")},
	attribute{name: "displayName", kind: kindString},
	attribute{name: "nickName", kind: kindString},
	attribute{name: "profileUrl", kind: kindExact},
	attribute{name: "title", kind: kindString},
	attribute{name: "userType", kind: kindString},
	attribute{name: "preferredLanguage", kind: kindString},
	attribute{name: "locale", kind: kindString},
	attribute{name: "timezone", kind: kindString},
	attribute{name: "active", kind: kindBoolean},
	attribute{name: "password", kind: kindExact},
	values("emails", kindString), values("phoneNumbers", kindString), values("ims", kindString), values("photos", kindExact),
	values("entitlements", kindString), values("roles", kindString), values("x509Certificates", kindBinary),
	attribute{name: "addresses", kind: kindComplex, multi: true, subs: with(
		texts("formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"), "primary", kindBoolean)},
	references("groups", true),
	references("members", false),
)

// enterprise is the enterprise extension.
var enterprise = table(
	attribute{name: "employeeNumber", kind: kindString},
	attribute{name: "costCenter", kind: kindString},
	attribute{name: "organization", kind: kindString},
	attribute{name: "division", kind: kindString},
	attribute{name: "department", kind: kindString},
	attribute{name: "manager", kind: kindComplex, subs: with(with(texts("displayName"), "value", kindExact), "$ref", kindExact)},
)

// lookup is what is known of an attribute. The schema of an unknown URN, and a
// name that the schema does not have, give an attribute of unknown kind.
func lookup(urn, name string) attribute {
	var t map[string]attribute
	switch urn {
	case "":
		t = core
	case SchemaEnterprise:
		t = enterprise
	}
	if a, ok := t[strings.ToLower(name)]; ok {
		return a
	}
	return attribute{name: name}
}

func table(list ...attribute) map[string]attribute {
	t := make(map[string]attribute, len(list))
	for _, a := range list {
		t[strings.ToLower(a.name)] = a
	}
	return t
}

func texts(names ...string) map[string]attribute {
	t := make(map[string]attribute, len(names))
	for _, n := range names {
		t[strings.ToLower(n)] = attribute{name: n, kind: kindString}
	}
	return t
}

func with(t map[string]attribute, name string, k kind) map[string]attribute {
	t[strings.ToLower(name)] = attribute{name: name, kind: k}
	return t
}

// values is a multi-valued attribute with the usual sub-attributes (RFC 7643
// section 2.4).
func values(name string, value kind) attribute {
	subs := with(with(with(texts("display", "type"), "primary", kindBoolean), "value", value), "$ref", kindExact)
	return attribute{name: name, kind: kindComplex, multi: true, subs: subs}
}

// references is a list of resources. Their values are ids, whose case matters:
// section 8.7.1 lists them as caseExact false, but two resources may differ in
// nothing but the case of their id (section 3.1), and taking one for the other
// would remove the wrong person.
func references(name string, readOnly bool) attribute {
	subs := with(with(texts("display", "type"), "value", kindExact), "$ref", kindExact)
	return attribute{name: name, kind: kindComplex, multi: true, readOnly: readOnly, subs: subs}
}

// fold makes texts equal that differ in case only, as strings.EqualFold does.
func fold(s string) string { return strings.Map(foldRune, s) }

func foldRune(r rune) rune {
	if r < unicode.MaxASCII {
		return unicode.ToLower(r)
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// key finds the member of an object under a name in any case: the exact name
// first, else the least of those that differ in case. Attribute names do not
// have case (RFC 7643 section 2.1).
func key(object map[string]any, name string) (string, bool) {
	if _, ok := object[name]; ok {
		return name, true
	}
	found, ok := "", false
	for k := range object {
		if len(k) == len(name) && strings.EqualFold(k, name) && (!ok || k < found) {
			found, ok = k, true
		}
	}
	return found, ok
}

// get is the value under a name in any case, nil when there is none.
func get(object map[string]any, name string) any {
	if k, ok := key(object, name); ok {
		return object[k]
	}
	return nil
}
