package main

import "time"

// config is the configuration file, section by section. The yaml tag is the key,
// the env tag the rest of the variable's name after TOMORRO_SYNC_. In a variable, a list is separated by
// commas, and a map is written key:value,key:value.
type config struct {
	// Connection names what is kept apart in one Redis: one Tomorro organisation.
	Connection string         `yaml:"connection" env:"CONNECTION"`
	OneLogin   oneloginConfig `yaml:"onelogin" envPrefix:"ONELOGIN_"`
	Tomorro    tomorroConfig  `yaml:"tomorro" envPrefix:"TOMORRO_"`
	Redis      redisConfig    `yaml:"redis" envPrefix:"REDIS_"`
	Groups     groupsConfig   `yaml:"groups" envPrefix:"GROUPS_"`
	// Titles maps job titles to userType, for titles that are not one of the
	// four words already.
	Titles map[string]string `yaml:"titles" env:"TITLES"`
	Limits limitsConfig      `yaml:"limits" envPrefix:"LIMITS_"`
	// Domains are those of people's e-mails; check tells of others. Empty: any.
	Domains []string `yaml:"domains" env:"DOMAINS"`
	// Protect lists people, by e-mail or OneLogin id, whose accounts are left alone,
	// and groups, as group:NAME, that are left alone with whoever is in them.
	Protect []string `yaml:"protect" env:"PROTECT"`
	// MinAdmins is how many active admins must remain at Tomorro.
	MinAdmins int `yaml:"min_admins" env:"MIN_ADMINS"`
	// Approve lists what waits for a person's word: create, update, delete.
	Approve []string `yaml:"approve" env:"APPROVE"`
	// FourEyes asks for two people's approval.
	FourEyes bool        `yaml:"four_eyes" env:"FOUR_EYES"`
	Apply    applyConfig `yaml:"apply" envPrefix:"APPLY_"`
	// Grace is how long requests under way may take when the program is asked to stop.
	Grace    time.Duration  `yaml:"grace" env:"GRACE"`
	Journal  journalConfig  `yaml:"journal" envPrefix:"JOURNAL_"`
	Schedule scheduleConfig `yaml:"schedule" envPrefix:"SCHEDULE_"`
	Listen   listenConfig   `yaml:"listen" envPrefix:"LISTEN_"`
	Alerts   alertsConfig   `yaml:"alerts" envPrefix:"ALERTS_"`
}

type oneloginConfig struct {
	URL              string        `yaml:"url" env:"URL"`
	ClientID         string        `yaml:"client_id" env:"CLIENT_ID"`
	ClientSecret     Secret        `yaml:"client_secret" env:"CLIENT_SECRET"`
	ClientSecretFile string        `yaml:"client_secret_file" env:"CLIENT_SECRET_FILE"`
	AppID            int64         `yaml:"app_id" env:"APP_ID"`
	Credentials      string        `yaml:"credentials" env:"CREDENTIALS"`                 // basic, header or form
	Concurrency      int           `yaml:"concurrency" env:"CONCURRENCY"`                 // requests at once
	PageSize         int           `yaml:"page_size" env:"PAGE_SIZE"`                     // people a page; OneLogin may give fewer
	PerSecond        float64       `yaml:"requests_per_second" env:"REQUESTS_PER_SECOND"` // 0: no limit
	Quota            string        `yaml:"quota" env:"QUOTA"`                             // v1 or all: which calls count against the hourly quota
	Reserve          int           `yaml:"reserve" env:"RESERVE"`                         // calls of it to leave to others
	ScopeRoles       []string      `yaml:"scope_roles" env:"SCOPE_ROLES"`                 // role names; empty: everybody with the app
	ActiveStatuses   []int         `yaml:"active_statuses" env:"ACTIVE_STATUSES"`         // of 0 to 8; the others lose access
	Timeout          time.Duration `yaml:"timeout" env:"TIMEOUT"`                         // of one request
	Retries          int           `yaml:"retries" env:"RETRIES"`                         // after the first try
	Backoff          time.Duration `yaml:"backoff" env:"BACKOFF"`                         // before the first retry; doubled each time
	Rules            rulesConfig   `yaml:"rules" envPrefix:"RULES_"`
}

// rulesConfig settles what OneLogin's documentation leaves open about app rules.
type rulesConfig struct {
	Combine      string `yaml:"combine" env:"COMBINE"`     // union or last_wins
	Case         string `yaml:"case" env:"CASE"`           // sensitive or insensitive
	Regexp       string `yaml:"regexp" env:"REGEXP"`       // anchored or unanchored
	Capture      string `yaml:"capture" env:"CAPTURE"`     // whole or group
	MemberOf     string `yaml:"member_of" env:"MEMBER_OF"` // each or whole
	GroupsAction string `yaml:"groups_action" env:"GROUPS_ACTION"`
}

type tomorroConfig struct {
	URL               string `yaml:"url" env:"URL"`
	Token             Secret `yaml:"token" env:"TOKEN"`
	TokenFile         string `yaml:"token_file" env:"TOKEN_FILE"`
	Pricing           string `yaml:"pricing" env:"PRICING"`             // v4, v5, v6 and later
	TokenExpires      string `yaml:"token_expires" env:"TOKEN_EXPIRES"` // the day, when Tomorro gave the token an end
	DefaultSubstitute string `yaml:"default_substitute" env:"DEFAULT_SUBSTITUTE"`
	APIAccount        string `yaml:"api_account" env:"API_ACCOUNT"` // whose token this is; never changed
	// Update is put or patch, MemberRemoval values, filter, scim1 or put, ContentType
	// application/json or application/scim+json, Bulk how many writes of a run share a
	// request at most, Attributes whether accounts are read with all attributes or with
	// those that are compared. These and PageSize are what the probe of check found where
	// nothing is given, else the client's defaults.
	Update            string        `yaml:"update" env:"UPDATE"`
	MemberRemoval     string        `yaml:"member_removal" env:"MEMBER_REMOVAL"`
	MembersPerRequest int           `yaml:"members_per_request" env:"MEMBERS_PER_REQUEST"` // in one PATCH
	ContentType       string        `yaml:"content_type" env:"CONTENT_TYPE"`
	Concurrency       int           `yaml:"concurrency" env:"CONCURRENCY"` // requests at once
	PageSize          int           `yaml:"page_size" env:"PAGE_SIZE"`
	Bulk              int           `yaml:"bulk" env:"BULK"`
	Attributes        string        `yaml:"attributes" env:"ATTRIBUTES"`
	PerSecond         float64       `yaml:"requests_per_second" env:"REQUESTS_PER_SECOND"` // 0: no limit
	Remove            string        `yaml:"remove" env:"REMOVE"`                           // deactivate, or delete, which is final
	AllowViewer       bool          `yaml:"allow_viewer" env:"ALLOW_VIEWER"`               // viewer on V4/V5 pricing
	SendExternalID    bool          `yaml:"send_external_id" env:"SEND_EXTERNAL_ID"`
	Timeout           time.Duration `yaml:"timeout" env:"TIMEOUT"` // of one request
	Retries           int           `yaml:"retries" env:"RETRIES"` // after the first try
	Backoff           time.Duration `yaml:"backoff" env:"BACKOFF"` // before the first retry; doubled each time
}

// patience is how long a client waits and how often it tries.
type patience struct {
	timeout, backoff time.Duration
	retries          int
}

func (w patience) check(all *checks, section string) {
	if w.timeout <= 0 {
		all.fail(section+".timeout", "%s is not a time to wait; write a duration such as 30s", w.timeout)
	}
	if w.backoff <= 0 {
		all.fail(section+".backoff", "%s is not a time to wait; write a duration such as 500ms", w.backoff)
	}
	all.atLeast(section+".retries", w.retries, 0)
}

func (o *oneloginConfig) patience() patience { return patience{o.Timeout, o.Backoff, o.Retries} }

func (t *tomorroConfig) patience() patience { return patience{t.Timeout, t.Backoff, t.Retries} }

// clientRetries gives the number as the clients take it, for whom 0 is the default.
func (w patience) clientRetries() int {
	if w.retries == 0 {
		return -1
	}
	return w.retries
}

type redisConfig struct {
	// URL is redis://, rediss://, redis+sentinel:// or redis+cluster://. It may
	// carry the password, so it is a secret.
	URL          Secret `yaml:"url" env:"URL"`
	URLFile      string `yaml:"url_file" env:"URL_FILE"`
	Password     Secret `yaml:"password" env:"PASSWORD"`
	PasswordFile string `yaml:"password_file" env:"PASSWORD_FILE"`
	// The sentinels may ask for a password of their own.
	SentinelPassword     Secret `yaml:"sentinel_password" env:"SENTINEL_PASSWORD"`
	SentinelPasswordFile string `yaml:"sentinel_password_file" env:"SENTINEL_PASSWORD_FILE"`
	CAFile               string `yaml:"ca_file" env:"CA_FILE"` // PEM, for a TLS certificate that the system does not know
}

type groupsConfig struct {
	Mode   string `yaml:"mode" env:"MODE"` // exclusive or additive
	Create bool   `yaml:"create" env:"CREATE"`
	Delete bool   `yaml:"delete" env:"DELETE"`
}

// limitsConfig bounds what may change within the window. A key that is not
// given keeps its default; none lifts it.
type limitsConfig struct {
	Window        time.Duration `yaml:"window" env:"WINDOW"`
	MinPopulation int           `yaml:"min_population" env:"MIN_POPULATION"`
	// Band is by how much the counts of a pull may differ from the last good ones.
	Band         *share          `yaml:"band" env:"BAND"`
	Deactivate   allowanceConfig `yaml:"deactivate" envPrefix:"DEACTIVATE_"`
	Delete       allowanceConfig `yaml:"delete" envPrefix:"DELETE_"`
	RemoveMember allowanceConfig `yaml:"remove_member" envPrefix:"REMOVE_MEMBER_"`
	// RemoveFromGroup bounds what each single group may lose.
	RemoveFromGroup allowanceConfig `yaml:"remove_from_group" envPrefix:"REMOVE_FROM_GROUP_"`
	ChangeRole      allowanceConfig `yaml:"change_role" envPrefix:"CHANGE_ROLE_"`
	GrantAdmin      allowanceConfig `yaml:"grant_admin" envPrefix:"GRANT_ADMIN_"`
	Rename          allowanceConfig `yaml:"rename" envPrefix:"RENAME_"`
	Create          allowanceConfig `yaml:"create" envPrefix:"CREATE_"`
}

type allowanceConfig struct {
	Max   *count `yaml:"max" env:"MAX"`
	Share *share `yaml:"share" env:"SHARE"`
}

// applyConfig says how a run makes sure of what it writes.
type applyConfig struct {
	Canary   int  `yaml:"canary" env:"CANARY"`       // how many people go first; 0: all at once
	ReadBack bool `yaml:"read_back" env:"READ_BACK"` // after a run, look whether what was written is there
}

// journalConfig says how long the journal is kept.
type journalConfig struct {
	Keep     time.Duration `yaml:"keep" env:"KEEP"`           // 0: for ever
	KeepRuns int           `yaml:"keep_runs" env:"KEEP_RUNS"` // the last ones stay, however old
}

// scheduleConfig is when serve makes runs.
type scheduleConfig struct {
	Cron     string        `yaml:"cron" env:"CRON"`
	Timezone string        `yaml:"timezone" env:"TIMEZONE"`
	Missed   string        `yaml:"missed" env:"MISSED"` // run or skip: what nobody was there for
	Jitter   time.Duration `yaml:"jitter" env:"JITTER"` // each run begins up to that much later
	// QuarantineAfter is how many runs in a row must fail for the schedule to slow
	// down until one goes well; 0 is never.
	QuarantineAfter int `yaml:"quarantine_after" env:"QUARANTINE_AFTER"`
	// Retry is how long after its tick a run that failed is made again the first time;
	// 0 is never.
	Retry time.Duration `yaml:"retry" env:"RETRY"`
	// Delta is how often the fast pass asks OneLogin who changed; 0 is never.
	// DeltaOverlap is read again each time, DeltaMost is how many people one pass looks
	// at, and DeltaEvents reads OneLogin's events as well.
	Delta        time.Duration `yaml:"delta" env:"DELTA"`
	DeltaOverlap time.Duration `yaml:"delta_overlap" env:"DELTA_OVERLAP"`
	DeltaMost    int           `yaml:"delta_most" env:"DELTA_MOST"`
	DeltaEvents  bool          `yaml:"delta_events" env:"DELTA_EVENTS"`
}

// listenConfig is where serve listens: for OneLogin's pushes, which need a token, and
// for supervisors.
type listenConfig struct {
	SCIM       string   `yaml:"scim" env:"SCIM"`
	Admin      string   `yaml:"admin" env:"ADMIN"`
	Profile    bool     `yaml:"profile" env:"PROFILE"` // Admin answers /debug/pprof/ as well
	Tokens     []Secret `yaml:"tokens" env:"TOKENS"`
	TokensFile string   `yaml:"tokens_file" env:"TOKENS_FILE"` // one token a line
	// Console is where the console listens; empty: consoleDefault with a
	// ConsoleToken or OIDC, else nowhere. ConsoleToken is one or several, see console.ParseTokens.
	Console          string `yaml:"console" env:"CONSOLE"`
	ConsoleToken     Secret `yaml:"console_token" env:"CONSOLE_TOKEN"`
	ConsoleTokenFile string `yaml:"console_token_file" env:"CONSOLE_TOKEN_FILE"`
	// OIDC is where people sign in to the console.
	OIDC oidcConfig `yaml:"oidc" envPrefix:"OIDC_"`
	// CertFile and KeyFile are PEM files; without them the listener speaks plain HTTP,
	// for behind a proxy.
	CertFile string        `yaml:"cert_file" env:"CERT_FILE"`
	KeyFile  string        `yaml:"key_file" env:"KEY_FILE"`
	Allow    []string      `yaml:"allow" env:"ALLOW"`       // addresses or networks of clients; none: all
	BaseURL  string        `yaml:"base_url" env:"BASE_URL"` // as OneLogin has it, for meta.location
	Deadline time.Duration `yaml:"deadline" env:"DEADLINE"` // of one push
	// Retry is when a push that came to nothing is tried again, and then after twice as
	// long each time.
	Retry time.Duration `yaml:"retry" env:"RETRY"`
	// PerSecond is how many requests a second one token may make; 0 is the default of
	// the listener.
	PerSecond float64 `yaml:"requests_per_second" env:"REQUESTS_PER_SECOND"`
}

// defaultConfig is what holds where neither the file nor the environment says
// anything. Limits have their defaults in reconcile.
func defaultConfig() config {
	return config{
		Connection: "default",
		OneLogin:   oneloginConfig{Credentials: "basic", Concurrency: 8, Quota: "v1", Reserve: 100, Rules: rulesConfig{Combine: "union"}, Timeout: 30 * time.Second, Retries: 4, Backoff: 500 * time.Millisecond},
		Tomorro:    tomorroConfig{Pricing: "v6", MembersPerRequest: 100, Concurrency: 8, Remove: "deactivate", SendExternalID: true, Timeout: 30 * time.Second, Retries: 4, Backoff: 500 * time.Millisecond},
		Groups:     groupsConfig{Mode: "exclusive"},
		MinAdmins:  1,
		Apply:      applyConfig{ReadBack: true},
		Grace:      20 * time.Second,
		Journal:    journalConfig{Keep: 400 * 24 * time.Hour, KeepRuns: 30},
		Schedule:   scheduleConfig{Timezone: "UTC", Missed: "run", QuarantineAfter: 3, Retry: 15 * time.Minute, DeltaOverlap: 5 * time.Minute, DeltaMost: 500, DeltaEvents: true},
		Listen: listenConfig{Admin: "127.0.0.1:8081", Deadline: 8 * time.Second, Retry: 5 * time.Second,
			OIDC: oidcConfig{GroupsClaim: "groups"}},
		Alerts: alertsConfig{HeldAfter: 24 * time.Hour, NoRunFor: 26 * time.Hour, MarksAfter: time.Hour, Repeat: 24 * time.Hour, ExpiresWithin: 14 * 24 * time.Hour},
	}
}

// secretPair is one secret with the ways to give it.
type secretPair struct {
	key, env string // without "_file" and "_FILE"
	value    *Secret
	file     *string
}

func (c *config) secrets() []secretPair {
	return []secretPair{
		{"onelogin.client_secret", "ONELOGIN_CLIENT_SECRET", &c.OneLogin.ClientSecret, &c.OneLogin.ClientSecretFile},
		{"tomorro.token", "TOMORRO_TOKEN", &c.Tomorro.Token, &c.Tomorro.TokenFile},
		{"redis.url", "REDIS_URL", &c.Redis.URL, &c.Redis.URLFile},
		{"redis.password", "REDIS_PASSWORD", &c.Redis.Password, &c.Redis.PasswordFile},
		{"redis.sentinel_password", "REDIS_SENTINEL_PASSWORD", &c.Redis.SentinelPassword, &c.Redis.SentinelPasswordFile},
		{"listen.console_token", "LISTEN_CONSOLE_TOKEN", &c.Listen.ConsoleToken, &c.Listen.ConsoleTokenFile},
		c.Listen.oidcSecret(),
		{"alerts.webhook", "ALERTS_WEBHOOK", &c.Alerts.Webhook, &c.Alerts.WebhookFile},
		{"alerts.heartbeat", "ALERTS_HEARTBEAT", &c.Alerts.Heartbeat, &c.Alerts.HeartbeatFile},
		{"alerts.smtp.password", "ALERTS_SMTP_PASSWORD", &c.Alerts.SMTP.Password, &c.Alerts.SMTP.PasswordFile},
	}
}
