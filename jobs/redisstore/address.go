package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ParseURL reads a Redis address in one of the four forms of the package documentation. Its
// errors never repeat the address, which may contain a password.
func ParseURL(address string) (*redis.UniversalOptions, error) {
	u, hosts, err := parts(address)
	if err != nil {
		return nil, errors.New("redis.url is not an address; write it as redis://host:6379/0, and in a password %23 for #, %2F for /, %3F for ?, %25 for %, or give that as redis.password")
	}
	if err := understood(u); err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{}
	kind, secure := u.Scheme, u.Query().Get("tls") == "true"
	switch kind {
	case "rediss":
		kind, secure = "redis", true
	case "redis", "redis+sentinel", "redis+cluster":
	default:
		return nil, fmt.Errorf("redis.url begins with %q; write redis://, rediss://, redis+sentinel:// or redis+cluster://", u.Scheme)
	}
	port := map[string]string{"redis": "6379", "redis+sentinel": "26379", "redis+cluster": "6379"}[kind]
	for _, host := range hosts {
		if host == "" {
			return nil, errors.New("redis.url names no host; write it as redis://host:6379/0")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		o.Addrs = append(o.Addrs, host)
	}
	if kind == "redis" && len(o.Addrs) > 1 {
		return nil, errors.New("redis.url names several hosts; write redis+sentinel:// or redis+cluster://")
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if secure {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if kind == "redis" {
			o.TLSConfig.ServerName, _, _ = net.SplitHostPort(o.Addrs[0])
		}
	}
	return tuned(o), modes(o, kind, u)
}

// parts reads an address, and each of its hosts by itself: between them, url.Parse takes
// none in brackets.
func parts(address string) (*url.URL, []string, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	begin := strings.LastIndex(rest[:end], "@") + 1
	hosts := strings.Split(rest[begin:end], ",")
	if len(hosts) > 1 {
		address = scheme + "://" + rest[:begin] + hosts[0] + rest[end:]
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	for i, host := range hosts {
		one, err := url.Parse("//" + host)
		if err != nil {
			return nil, nil, err
		}
		hosts[i] = one.Host
	}
	return u, hosts, nil
}

// understood refuses what nobody would read: a database that is not the one that is meant,
// or the end of a password, which may be in the path as well.
func understood(u *url.URL) error {
	const escape = "in a password write %23 for #, %2F for /, %3F for ?, %25 for %, or give it as redis.password"
	if u.Fragment != "" || strings.Contains(u.Path, "@") {
		return errors.New("redis.url has a # or a / where none belongs; " + escape)
	}
	for name := range u.Query() {
		if name != "tls" && name != "master" {
			return errors.New("redis.url has a ? with something else than tls or master after it; the database stands at its end, as in redis://host:6379/0; " + escape)
		}
	}
	return nil
}

// modes reads what only one of the forms has.
func modes(o *redis.UniversalOptions, kind string, u *url.URL) error {
	path := strings.Trim(u.Path, "/")
	switch kind {
	case "redis+cluster":
		o.IsClusterMode = true
		if path != "" && path != "0" {
			return errors.New("redis.url names a database; a cluster has only database 0")
		}
		return nil
	case "redis+sentinel":
		o.MasterName = u.Query().Get("master")
		if o.MasterName == "" {
			return errors.New("redis.url names no master; write redis+sentinel://host:26379/0?master=NAME")
		}
	}
	if path == "" {
		return nil
	}
	db, err := strconv.Atoi(path)
	if err != nil || db < 0 {
		return errors.New("redis.url ends in something that is not the number of a database; write it as redis://host:6379/0")
	}
	o.DB = db
	return nil
}
