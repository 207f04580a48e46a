package steering

// keys are the keys that a mapping may have.
type keys struct {
	known []string
	later []string // part of the language, but not carried out by this version
}

// The keys of steering.yaml. docs/steering.schema.json has the same; a test
// compares them.
var (
	topKeys   = keys{known: []string{"checks", "sites", "policies", "guard"}}
	checkKeys = keys{
		known: []string{"http", "https", "tcp", "interval", "timeout", "fall", "rise"},
		later: []string{"icmp", "dns", "tls", "grpc", "exec"},
	}
	httpKeys = keys{
		known: []string{"port", "path", "method", "host", "headers", "status", "body", "body_regex",
			"insecure", "redirects", "keep_alive"},
	}
	tcpKeys  = keys{known: []string{"port"}}
	siteKeys = keys{
		known: []string{"addresses", "records", "location", "check"},
		later: []string{"capacity", "budget", "guard"},
	}
	policyKeys = keys{
		known: []string{"failover", "weighted", "geo", "nearest", "all", "all_down", "min_healthy", "sticky", "bias",
			"max", "limit", "trickle", "guard"},
		later: []string{"budget", "ttl"},
	}
	guardKeys = keys{known: []string{"min_sites", "max_removed"}}
	ruleKeys  = keys{
		known: []string{"continent", "country", "subdivision", "city", "asn", "cidr", "use", "strict"},
	}
	weightKeys = keys{known: []string{"use", "weight"}}
)
