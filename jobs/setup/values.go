package setup

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Template is the SCIM JSON template of Tomorro's set-up guide, step 2, the same whether
// OneLogin pushes to Tomorro or to this program.
const Template = `{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
  "userName": "{$parameters.scimusername}",
  "userType": "{$user.title}",
  "name": {
    "givenName": "{$user.firstname}",
    "familyName": "{$user.lastname}"
  }
}`

// Headers is the value for Custom Headers in OneLogin's app. Which Content-Type OneLogin
// sends by itself is not documented; this one is what other vendors' guides have it send.
const Headers = "Content-Type: application/scim+json"

// NewToken makes a bearer token for the listener: 32 random bytes in hexadecimal.
func NewToken() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand says
	return Secret(hex.EncodeToString(b[:]))
}

// Values is the text that says what to enter in OneLogin's pages, word for word, so that it
// pushes to the listener at baseURL. token is the bearer token, or a text that says where
// it is.
func Values(baseURL, token string) string {
	return strings.Join([]string{
		"Tab Configuration",
		"",
		"SCIM Base URL:",
		baseURL,
		"",
		"SCIM Bearer Token:",
		token,
		"",
		"SCIM JSON Template:",
		Template,
		"",
		"Custom Headers:",
		Headers,
		"",
		"API Connection: press Enable while serve runs, then save.",
		"",
		"Tab Parameters",
		"",
		"scimusername is Email; Groups has Include in User Provisioning ticked.",
		"",
		"Tab Provisioning",
		"",
		"Tick Enable provisioning; untick the approvals of create, delete and update",
		"user; press Refresh.",
		"",
	}, "\n")
}
