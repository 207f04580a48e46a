package route53

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// check is a health check with the name that it gets here.
type check struct {
	*healthCheck
	name string
	// users are the sets of addresses that are served while it passes. If each
	// is just the address that the check probes, it needs no target.
	users [][]string
	// absent says why there is no such check here; "" if there is.
	absent string
	used   bool
}

// readChecks names the checks.
func (c *converter) readChecks() {
	c.checkOf = map[string]*check{}
	names := map[string]bool{}
	for i := range c.in.checks {
		h := &c.in.checks[i]
		k := &check{healthCheck: h}
		host := h.Config.FullyQualifiedDomainName
		if host == "" {
			host = h.Config.IPAddress
		}
		if host == "" {
			host = h.Config.Type
		}
		k.name = clean(strings.ToLower(host + "-" + h.ID[:min(8, len(h.ID))]))
		for n := 2; names[k.name]; n++ {
			k.name = clean(fmt.Sprintf("%s-%d", k.name, n))
		}
		names[k.name] = true
		k.absent = h.absent()
		c.checks = append(c.checks, k)
		c.checkOf[h.ID] = k
	}
	for range c.checks { // one that decides nothing may be what another is calculated from
		for _, k := range c.checks {
			if k.absent == "" && k.Config.Type == "CALCULATED" {
				k.absent = c.decided(k)
			}
		}
	}
}

// decided returns why a calculated check does not depend on what it is
// calculated from; "" if it does.
func (c *converter) decided(k *check) string {
	switch {
	case k.Config.HealthThreshold > len(k.Config.ChildHealthChecks) && !k.Config.Inverted:
		return "needs more checks than it has, so always failing"
	case k.Config.HealthThreshold > len(k.Config.ChildHealthChecks):
		return "needs more checks than it has and is inverted, " + passing
	case c.needed(k) > 0:
		return ""
	case k.Config.Inverted:
		return "needs none of its checks that could be carried over and is inverted, so always failing"
	}
	return "needs none of its checks that could be carried over, " + passing
}

// needed returns how many of the checks that are carried over a calculated
// check needs: not those that always pass, and no more than there are, since of
// the others, such as what only Amazon can ask, nothing is known.
func (c *converter) needed(k *check) int {
	need, there := k.Config.HealthThreshold, 0
	for _, id := range k.Config.ChildHealthChecks {
		switch child := c.checkOf[id]; {
		case child == nil:
		case child.absent == "":
			there++
		case strings.HasSuffix(child.absent, passing):
			need--
		}
	}
	return min(need, there)
}

// passing ends the reason why a check is not carried over if nothing is lost.
const passing = "so always passing"

// absent returns why a check cannot be carried over.
func (h *healthCheck) absent() string {
	switch {
	case h.Config.Disabled && h.Config.Inverted:
		return "is disabled and inverted, so always failing"
	case h.Config.Disabled:
		return "is disabled, " + passing
	}
	switch h.Config.Type {
	case "HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP", "CALCULATED":
		return ""
	}
	return "is of type " + h.Config.Type + ", which only Amazon can ask"
}

// use returns the name under which a site names a health check, and notes that
// it is used; "" if the id is empty or the check cannot be carried over.
func (c *converter) use(rs *recordSet, addrs []string) string {
	if rs.HealthCheckID == "" {
		return ""
	}
	k := c.checkOf[rs.HealthCheckID]
	if k == nil {
		c.left.Warnf(rs.pos, "give the answer of list-health-checks too",
			"health check %s is not in the input: the record counts as up", rs.HealthCheckID)
		return ""
	}
	if k.absent != "" {
		c.left.Warnf(k.pos, "a check of kind push or exec that asks Amazon",
			"health check %s %s: what it decides about counts as up", k.ID, k.absent)
		return ""
	}
	c.need(k, 0)
	k.users = append(k.users, addrs)
	return k.name
}

// need notes that a check and what it is calculated from are used.
func (c *converter) need(k *check, depth int) {
	k.used = true
	for _, id := range k.Config.ChildHealthChecks {
		if child := c.checkOf[id]; child != nil && depth < maxAliases {
			child.users = append(child.users, nil) // probes what it says, whoever asks
			c.need(child, depth+1)
		}
	}
}

// targetNeeded reports whether the check probes anything but the address that
// is served.
func (k *check) targetNeeded() bool {
	for _, addrs := range k.users {
		if len(addrs) != 1 || addrs[0] != k.Config.IPAddress {
			return true
		}
	}
	return len(k.users) == 0
}

// writeChecks returns the checks that are used.
func (c *converter) writeChecks() *yaml.Node {
	all := block()
	for _, k := range c.checks {
		if !k.used || k.absent != "" {
			continue
		}
		body := c.checkBody(k)
		if k.Config.Inverted {
			put(all, k.name+"-inner", body)
			body = flow("not", scalar(k.name+"-inner"))
		}
		put(all, k.name, body)
	}
	return all
}

// checkBody returns a check without the inversion.
func (c *converter) checkBody(k *check) *yaml.Node {
	if k.Config.Type == "CALCULATED" {
		return c.calculated(k)
	}
	body := flow()
	switch kind := strings.TrimSuffix(k.Config.Type, "_STR_MATCH"); kind {
	case "TCP":
		put(body, "tcp", flow("port", number(int(k.Config.Port))))
	default:
		put(body, strings.ToLower(kind), k.http(kind == "HTTPS"))
	}
	if k.targetNeeded() {
		target := k.Config.IPAddress
		if target == "" {
			target = k.Config.FullyQualifiedDomainName
		}
		put(body, "target", scalar(target))
	}
	// How Amazon's checkers time it: Developer Guide, "How Route 53 determines
	// whether a health check is healthy": 4 s to connect and 2 s to answer,
	// 2 s more for the text; 10 s for TCP.
	timeout := "6s"
	switch {
	case k.Config.Type == "TCP":
		timeout = "10s"
	case k.Config.SearchString != "":
		timeout = "8s"
	}
	n := max(1, k.Config.FailureThreshold)
	put(body, "interval", scalar(fmt.Sprintf("%ds", max(10, k.Config.RequestInterval))))
	put(body, "timeout", scalar(timeout))
	put(body, "fall", number(n))
	put(body, "rise", number(n))
	return body
}

// http returns the probe of an HTTP or HTTPS check.
func (k *check) http(tls bool) *yaml.Node {
	probe := flow()
	if k.Config.Port != 0 {
		put(probe, "port", number(int(k.Config.Port)))
	}
	path := k.Config.ResourcePath
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	put(probe, "path", scalar(path))
	if k.Config.FullyQualifiedDomainName != "" {
		put(probe, "host", scalar(k.Config.FullyQualifiedDomainName))
	}
	put(probe, "status", list(scalar("200-399")))
	if k.Config.SearchString != "" {
		put(probe, "body", quoted(k.Config.SearchString))
	}
	if tls {
		put(probe, "insecure", scalar("true")) // Amazon does not look at certificates
	}
	return probe
}

// calculated returns a check over other checks.
func (c *converter) calculated(k *check) *yaml.Node {
	of := list()
	for _, id := range k.Config.ChildHealthChecks {
		child := c.checkOf[id]
		switch {
		case child == nil:
			c.left.Warnf(k.pos, "give it too", "health check %s is calculated from %s, which is not in the input", k.ID, id)
		case child.absent != "":
			c.left.Warnf(k.pos, "a check of kind push or exec in its place",
				"health check %s is calculated from %s, which %s", k.ID, id, child.absent)
		default:
			of.Content = append(of.Content, scalar(child.name))
		}
	}
	return flow("calculated", flow("of", of, "at_least", number(c.needed(k))))
}
