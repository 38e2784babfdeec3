package push

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"tomorro-sync/reconcile/scim"
)

const (
	schemaConfig = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	schemaType   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// getConfig is what this listener can do (RFC 7643 section 5).
func getConfig(c *call, _ string) (answer, error) {
	can := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return render(http.StatusOK, scim.Resource{
		"schemas":        []string{schemaConfig},
		"patch":          can(true),
		"bulk":           map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         map[string]any{"supported": true, "maxResults": 1_000_000}, // as many as there are
		"changePassword": can(false),
		"sort":           can(false),
		"etag":           can(true),
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A static token of the listener's configuration.", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": c.location + "/ServiceProviderConfig"},
	})
}

// types are the resource types (RFC 7643 section 6).
func (c *call) types() map[string]scim.Resource {
	one := func(name, schema string) scim.Resource {
		return scim.Resource{
			"schemas": []string{schemaType}, "id": name, "name": name, "endpoint": "/" + name + "s", "schema": schema,
			"meta": map[string]any{"resourceType": "ResourceType", "location": c.at("ResourceTypes", name)},
		}
	}
	return map[string]scim.Resource{"User": one("User", scim.SchemaUser), "Group": one("Group", scim.SchemaGroup)}
}

// schemas describe the attributes that are kept (RFC 7643 section 7).
func (c *call) schemas() map[string]scim.Resource {
	one := func(id, name string, attributes ...map[string]any) scim.Resource {
		return scim.Resource{
			"schemas": []string{schemaSchema}, "id": id, "name": name, "attributes": attributes,
			"meta": map[string]any{"resourceType": "Schema", "location": c.at("Schemas", id)},
		}
	}
	return map[string]scim.Resource{
		scim.SchemaUser: one(scim.SchemaUser, "User",
			attribute("userName", "The e-mail.", "required", "unique"),
			attribute("name", "Both parts are needed.", "complex",
				attribute("givenName", "The first name."), attribute("familyName", "The last name.")),
			attribute("userType", "A title; which role in Tomorro it gives is configured."),
			attribute("active", "False takes access away.", "boolean"),
			attribute("externalId", "The provisioning client's own id.", "exact")),
		scim.SchemaGroup: one(scim.SchemaGroup, "Group",
			attribute("displayName", "The group's name.", "required", "unique"),
			attribute("members", "Users; Tomorro has no groups in groups.", "complex", "multi",
				attribute("value", "The user's id.", "exact"), attribute("type", "Always User."))),
	}
}

// attribute describes one attribute; marks are words and its sub-attributes.
func attribute(name, description string, marks ...any) map[string]any {
	a := map[string]any{
		"name": name, "type": "string", "multiValued": false, "description": description, "required": false, "caseExact": false,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
	var subs []map[string]any
	for _, mark := range marks {
		switch mark := mark.(type) {
		case map[string]any:
			subs = append(subs, mark)
			a["subAttributes"] = subs
		default:
			switch mark {
			case "required":
				a["required"] = true
			case "unique":
				a["uniqueness"] = "server"
			case "exact":
				a["caseExact"] = true
			case "multi":
				a["multiValued"] = true
			default:
				a["type"] = mark
			}
		}
	}
	return a
}

func listTypes(c *call, _ string) (answer, error)   { return c.describe(c.types()) }
func listSchemas(c *call, _ string) (answer, error) { return c.describe(c.schemas()) }
func getType(c *call, name string) (answer, error)  { return describeOne(c.types(), name) }
func getSchema(c *call, urn string) (answer, error) { return describeOne(c.schemas(), urn) }

// describe lists descriptions. They are not filtered (RFC 7644 section 4 says 403).
func (c *call) describe(all map[string]scim.Resource) (answer, error) {
	if c.query.filter != nil {
		return answer{}, refuse(http.StatusForbidden, "", "What this listener can do is not filtered; ask without a filter.")
	}
	return c.list(slices.Collect(maps.Values(all)))
}

func describeOne(all map[string]scim.Resource, name string) (answer, error) {
	for k, r := range all {
		if strings.EqualFold(k, name) {
			return render(http.StatusOK, r)
		}
	}
	return answer{}, refuse(http.StatusNotFound, "", "There is no such description.")
}
