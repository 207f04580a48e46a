package keepalived

// elsewhere are the words of keepalived's load balancer and of BFD, by the
// kind of block that they stand in. vipd carries none of them out and does not
// look into those blocks; the words are here so that one in the wrong place is
// told apart from a misspelling.
var elsewhere = index(map[string][]group{
	"virtual_server_group": {{plainWord, "fwmark"}},
	"virtual_server": {{plainWord, "ip_family delay_loop inhibit_on_failure lb_algo lvs_sched hashed flag-1 flag-2 flag-3 sh-port sh-fallback mh-port " +
		"mh-fallback ops lb_kind lvs_method persistence_engine persistence_timeout persistence_granularity protocol ha_suspend smtp_alert " +
		"virtualhost snmp_name alpha omega quorum quorum_up quorum_down hysteresis weight sorry_server sorry_server_inhibit " +
		"sorry_server_lvs_method connect_timeout retry delay_before_retry warmup real_server"}},
	"real_server": {{plainWord, "uthreshold lthreshold notify_up notify_down HTTP_GET SSL_GET TCP_CHECK SMTP_CHECK DNS_CHECK MISC_CHECK BFD_CHECK " +
		"PING_CHECK UDP_CHECK FILE_CHECK"}},
	"a checker": {{plainWord, "connect_ip connect_port bindto bind_if bind_port fwmark log_all_failures http_protocol fast_recovery nb_get_retry " +
		"url path digest status_code regex regex_no_match regex_options regex_stack regex_min_offset regex_max_offset enable_sni " +
		"tls_compliant helo_name host type name misc_path misc_timeout misc_dynamic payload require_reply min_reply_length max_reply_length"}},
	"SSL":          {{plainWord, "password ca certificate key"}},
	"bfd_instance": {{plainWord, "neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops vrrp checker"}},
})

// elsewhereKinds are the kinds of elsewhere in the order of a search.
var elsewhereKinds = []string{"virtual_server", "real_server", "a checker", "virtual_server_group", "bfd_instance", "SSL"}
