package keepalived

import (
	"net/netip"
	"slices"
	"strings"
)

// The words that most checkers of a real_server take.
const (
	retrying   = "delay_loop alpha retry delay_before_retry warmup log_all_failures "
	connecting = retrying + "connect_timeout connect_ip connect_port bindto bind_if bind_port fwmark "
	overHTTP   = connecting + "virtualhost http_protocol fast_recovery nb_get_retry enable_sni tls_compliant"
)

// elsewhere are the words of keepalived's load balancer and of BFD, by the
// kind of block that they stand in. vipd carries none of them out; the words
// are here so that a misspelling is told, and told apart from a word in the
// wrong place.
var elsewhere = index(map[string][]group{
	"virtual_server_group": {{plainWord, "fwmark"}},
	"virtual_server": {
		{plainWord, "ip_family delay_loop inhibit_on_failure lb_algo lvs_sched hashed flag-1 flag-2 flag-3 sh-port sh-fallback mh-port " +
			"mh-fallback ops lb_kind lvs_method persistence_engine persistence_timeout persistence_granularity protocol ha_suspend smtp_alert " +
			"virtualhost snmp_name alpha omega quorum quorum_up quorum_down hysteresis weight sorry_server sorry_server_inhibit " +
			"sorry_server_lvs_method connect_timeout retry delay_before_retry warmup failover_threshold failover_up failover_down"},
		{plainBlock, "real_server backup_real_server"},
	},
	"real_server": {
		{plainWord, "weight lvs_method inhibit_on_failure uthreshold lthreshold notify_up notify_down smtp_alert virtualhost snmp_name alpha " +
			"delay_loop connect_timeout retry delay_before_retry warmup"},
		{plainBlock, "HTTP_GET SSL_GET TCP_CHECK SMTP_CHECK DNS_CHECK MISC_CHECK BFD_CHECK PING_CHECK UDP_CHECK FILE_CHECK"},
	},
	"HTTP_GET":   {{plainWord, overHTTP}, {plainBlock, "url"}},
	"SSL_GET":    {{plainWord, overHTTP}, {plainBlock, "url"}},
	"TCP_CHECK":  {{plainWord, connecting}},
	"PING_CHECK": {{plainWord, connecting}},
	"SMTP_CHECK": {{plainWord, connecting + "helo_name"}, {plainBlock, "host"}},
	"DNS_CHECK":  {{plainWord, connecting + "type name"}},
	"UDP_CHECK":  {{plainWord, connecting + "payload require_reply min_reply_length max_reply_length"}},
	"MISC_CHECK": {{plainWord, retrying + "misc_path misc_timeout misc_dynamic user"}},
	"BFD_CHECK":  {{plainWord, "name alpha"}},
	"FILE_CHECK": {{plainWord, "track_file weight"}},
	"url": {{plainWord, "path digest status_code virtualhost regex regex_no_match regex_options regex_stack regex_min_offset " +
		"regex_max_offset tls_compliant username password"}},
	"host":         {{plainWord, connecting}},
	"SSL":          {{plainWord, "password ca certificate key"}},
	"bfd_instance": {{plainWord, "neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops vrrp checker"}},
})

// elsewhereKinds are the kinds of elsewhere in the order of a search.
var elsewhereKinds = []string{
	"virtual_server", "real_server", "url", "HTTP_GET", "SSL_GET", "TCP_CHECK", "PING_CHECK", "SMTP_CHECK", "host", "DNS_CHECK", "UDP_CHECK",
	"MISC_CHECK", "BFD_CHECK", "FILE_CHECK", "virtual_server_group", "bfd_instance", "SSL",
}

// wordsOf returns the words of a kind of block, whether vipd carries out what
// stands in it or not.
func wordsOf(kind string) block {
	if b, ok := vocabulary[kind]; ok {
		return b
	}
	return elsewhere[kind]
}

// foreign tells of unknown words in a block that vipd does not carry out. They
// are warnings: whatever they were to do is not done, which is told at the
// block itself.
func (d *decoder) foreign(n *node) {
	b, ok := elsewhere[n.kind]
	if !ok {
		return
	}
	if n.kind == "bfd_instance" && !slices.ContainsFunc(n.children, isNeighbor) {
		d.diags.Warnf(n.last(), "neighbor_ip ADDRESS", "no neighbor_ip in %s", n.label())
	}
	for _, c := range n.children {
		switch _, known := b.words[c.keyword()]; {
		case c.keyword() == "nb_get_retry" && known:
			d.diags.Warnf(c.pos(), "retry", "nb_get_retry is an old word")
		case known:
			d.foreign(c)
		case n.kind == "virtual_server_group":
			d.groupEntry(c)
		default:
			d.foreignWord(n, c)
		}
	}
}

func isNeighbor(n *node) bool {
	return n.keyword() == "neighbor_ip" || n.keyword() == "neighbour_ip"
}

func (d *decoder) foreignWord(n, c *node) {
	right := nearest(n.kind, c.keyword())
	home := slices.IndexFunc(elsewhereKinds, func(kind string) bool {
		_, ok := elsewhere[kind].words[c.keyword()]
		return ok
	})
	if home >= 0 {
		right = "it belongs in " + elsewhereKinds[home]
	}
	d.diags.Warnf(c.pos(), right, "unknown keyword %s in %s, ignored", c.keyword(), n.label())
	d.leftOut(c)
}

// groupEntry looks at an address of a virtual_server_group: ADDRESS[-LAST] PORT.
func (d *decoder) groupEntry(c *node) {
	first, _, _ := strings.Cut(c.keyword(), "-")
	if _, err := netip.ParseAddr(first); err != nil {
		d.diags.Warnf(c.pos(), "ADDRESS PORT, or fwmark NUMBER", "%s is no address of a virtual_server_group, ignored", c.keyword())
	}
}
