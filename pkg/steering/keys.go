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
		known: []string{"http", "https", "tcp", "icmp", "dns", "grpc", "exec", "push", "file", "calculated", "not",
			"interval", "timeout", "fall", "rise", "jitter", "target", "source", "interface"},
	}
	httpKeys = keys{
		known: []string{"port", "path", "method", "host", "headers", "status", "body", "body_regex",
			"insecure", "sni", "min_tls", "cert_expiry", "http2", "redirects", "keep_alive", "load"},
	}
	tcpKeys        = keys{known: []string{"port", "send", "expect", "tls"}}
	tlsKeys        = keys{known: []string{"sni", "insecure", "min_tls", "cert_expiry"}}
	expiryKeys     = keys{known: []string{"warn", "fail"}}
	loadKeys       = keys{known: []string{"header", "json"}}
	icmpKeys       = keys{known: []string{"size"}}
	dnsKeys        = keys{known: []string{"port", "name", "type", "transport", "rcode", "expect", "recursion"}}
	grpcKeys       = keys{known: []string{"port", "service", "host", "tls"}}
	execKeys       = keys{known: []string{"command", "env", "keep_alive"}}
	pushKeys       = keys{known: []string{"ttl", "token_file"}}
	fileKeys       = keys{known: []string{"path", "content", "max_age"}}
	calculatedKeys = keys{known: []string{"of", "at_least"}}
	siteKeys       = keys{
		known: []string{"addresses", "records", "location", "check", "slow_start", "fail_back", "capacity"},
		later: []string{"budget", "guard"},
	}
	failBackKeys = keys{known: []string{"hold"}}
	policyKeys   = keys{
		known: []string{"failover", "weighted", "geo", "nearest", "all", "all_down", "min_healthy", "sticky", "bias",
			"max", "limit", "trickle", "guard", "budget"},
		later: []string{"ttl"},
	}
	guardKeys = keys{known: []string{"min_sites", "max_removed"}}
	ruleKeys  = keys{
		known: []string{"continent", "country", "subdivision", "city", "asn", "cidr", "use", "strict"},
	}
	weightKeys = keys{known: []string{"use", "weight"}}
)
