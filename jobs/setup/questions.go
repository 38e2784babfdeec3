package setup

// Key names a question, as the configuration names the value.
type Key string

// The questions, in the order in which they are asked.
const (
	KeyOneLoginURL   Key = "onelogin.url"
	KeyClientID      Key = "onelogin.client_id"
	KeyClientSecret  Key = "onelogin.client_secret"
	KeyApp           Key = "onelogin.app_id"
	KeyTomorroURL    Key = "tomorro.url"
	KeyToken         Key = "tomorro.token"
	KeyPricing       Key = "tomorro.pricing"
	KeySubstitute    Key = "tomorro.default_substitute"
	KeyRedisURL      Key = "redis.url"
	KeyRedisPassword Key = "redis.password"
	KeyListenURL     Key = "listen.base_url"
)

// None is the answer to a question that may be left unanswered.
const None = "none"

// Question is one question, and the other way to answer it.
type Question struct {
	Key     Key
	Text    string
	Help    string // where the answer is found; one or two sentences
	Default string // what an empty answer means; empty: there must be one
	Hidden  bool   // a secret: what is typed is not shown
	Kept    string // for a secret: what an empty answer keeps, in words
	// Flag is the flag that answers it, without its dashes; a secret's names a file.
	// Env is the environment variable of a secret, without the program's prefix.
	Flag, Env string
}

// Questions lists all questions, in the order in which they are asked.
func Questions() []Question {
	return []Question{
		{Key: KeyOneLoginURL, Text: "OneLogin subdomain or address", Flag: "onelogin-url",
			Help: "acme, if you sign in at https://acme.onelogin.com."},
		{Key: KeyClientID, Text: "OneLogin client id", Flag: "onelogin-client-id",
			Help: "In OneLogin under Developers, API Credentials: a pair with Manage All, since OneLogin shows an app's rules to no lesser privilege. Nothing is ever written to OneLogin."},
		{Key: KeyClientSecret, Text: "OneLogin client secret", Hidden: true, Flag: "onelogin-client-secret-file", Env: "ONELOGIN_CLIENT_SECRET"},
		{Key: KeyApp, Text: "The app that provisions Tomorro", Flag: "onelogin-app",
			Help: "Its number in the list, or its id, which is the number in the address of the app's page."},
		{Key: KeyTomorroURL, Text: "Tomorro SCIM base URL", Flag: "tomorro-url",
			Help: "In Tomorro under Integrations, User Provisioning; only its admins see it."},
		{Key: KeyToken, Text: "Tomorro token", Hidden: true, Flag: "tomorro-token-file", Env: "TOMORRO_TOKEN",
			Help: "On the same page of Tomorro."},
		{Key: KeyPricing, Text: "Tomorro pricing: v4, v5, v6 or later", Default: "v6", Flag: "pricing",
			Help: "It decides which roles there are: V4 and V5 have no viewer."},
		{Key: KeySubstitute, Text: "Default substitute, by e-mail, or none", Flag: "default-substitute",
			Help: "Who inherits what leavers own, as set in Tomorro under User Provisioning. Tomorro does not show it by its API, so this program must be told."},
		{Key: KeyRedisURL, Text: "Redis address, without a password, or none", Default: "redis://localhost:6379/0", Flag: "redis-url", Env: "REDIS_URL",
			Help: "It keeps the lock, the journal and what is remembered of accounts; plan needs none."},
		{Key: KeyRedisPassword, Text: "Redis password, if it has one", Default: None, Hidden: true, Flag: "redis-password-file", Env: "REDIS_PASSWORD"},
		{Key: KeyListenURL, Text: "Address at which OneLogin can push to this program, or none", Default: None, Flag: "listen-url",
			Help: "Optional, for changes within seconds: https://sync.acme.com:8443/scim/v2, if that leads to this machine."},
	}
}

// question finds one of Questions.
func question(k Key) Question {
	for _, q := range Questions() {
		if q.Key == k {
			return q
		}
	}
	return Question{Key: k, Text: string(k)}
}
