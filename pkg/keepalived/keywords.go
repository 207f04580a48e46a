package keepalived

import (
	"strings"

	"github.com/geodns-vipd/geodns/pkg/diag"
)

// topLevel is the kind of the file itself.
const topLevel = "the file"

// keyword is what is known of a word of keepalived's language in one kind of
// block.
type keyword struct {
	// carried: vipd does what it says.
	carried bool
	// weighty: to leave it out changes who is master, what is tracked or
	// which address is served.
	weighty bool
	// block: needs braces; list: its lines are entries, not keywords.
	block, list bool
	// why says why it is not carried out, or what to write instead.
	why string
}

// group gives the same meaning to several words.
type group struct {
	keyword
	words string
}

// Short forms for the tables.
var (
	plainWord    = keyword{carried: true}
	weightyWord  = keyword{carried: true, weighty: true}
	plainList    = keyword{carried: true, block: true, list: true}
	weightyList  = keyword{carried: true, weighty: true, block: true, list: true}
	plainBlock   = keyword{carried: true, block: true}
	weightyBlock = keyword{carried: true, weighty: true, block: true}
)

func ignored(why string) keyword      { return keyword{why: why} }
func ignoredBlock(why string) keyword { return keyword{block: true, list: true, why: why} }
func refused(why string) keyword      { return keyword{weighty: true, why: why} }
func refusedBlock(why string) keyword {
	return keyword{weighty: true, block: true, list: true, why: why}
}

// vocabulary is every word that keepalived 2.4 knows, by the kind of block
// that it stands in, and our own.
var vocabulary = index(map[string][]group{
	topLevel: {
		{weightyBlock, "vrrp_instance vrrp_sync_group vrrp_script vrrp_probe vrrp_track_process track_file vrrp_track_file"},
		{plainBlock, "global_defs garp_group track_group"},
		{weightyList, "static_ipaddress static_routes static_rules interface_up_down_delays"},
		{ignoredBlock("vipd hears of every link from the kernel and does not poll"), "linkbeat_interfaces"},
		{refused("run vipd inside the namespace instead: `ip netns exec NAME vipd run`"), "net_namespace"},
		{ignored("vipd writes no pid files"), "instance use_pid_dir child_wait_time"},
		{ignored("vipd hears of every link from the kernel and does not poll"), "linkbeat_use_polling"},
		{ignored("vipd does no load balancing"), "net_namespace_ipvs namespace_with_ipsets"},
		{refusedBlock("vipd does no load balancing (IPVS): clients of this address would reach nobody"), "virtual_server virtual_server_group"},
		{ignoredBlock("vipd does no load balancing"), "SSL"},
		{refusedBlock("vipd does no BFD yet"), "bfd_instance"},
	},
	"global_defs": {
		{plainWord, "router_id default_interface http_listen hello_port vrrp_version vrrp_strict vrrp_mcast_group4 vrrp_mcast_group6 " +
			"vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_master_refresh " +
			"vrrp_garp_master_refresh_repeat vrrp_garp_interval vrrp_gna_interval vrrp_min_garp " +
			"vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_down_timer_adverts vrrp_check_unicast_src vrrp_no_check_unicast_src " +
			"vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload " +
			"dynamic_interfaces script_user enable_script_security notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script " +
			"vrrp_priority vrrp_rt_priority vrrp_no_swap umask random_seed include_check"},
		{ignored("vipd's threads run with real-time priority where that is permitted: vrrp_rt_priority"), "max_auto_priority min_auto_priority_delay"},
		{ignored("LimitRTTIME= in the unit of systemd"), "vrrp_rlimit_rttime vrrp_rlimit_rtime"},
		{ignored("CPUAffinity= in the unit of systemd"), "vrrp_cpu_affinity"},
		{ignored("the kernel filters adverts of other virtual routers before vipd sees them"), "log_unknown_vrids"},
		{ignored("a master announces all its addresses on all their interfaces: garp_master_refresh"), "vrrp_garp_extra_if vrrp_vmac_garp_intvl"},
		{ignoredBlock("vipd sends no mail: use notify scripts"), "notification_email"},
		{ignored("vipd sends no mail: use notify scripts"), "notification_email_from smtp_server smtp_helo_name smtp_connect_timeout smtp_alert " +
			"smtp_alert_vrrp smtp_alert_checker no_email_faults no_checker_emails"},
		{ignored("vipd does no load balancing"), "lvs_id lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_notify_fifo lvs_notify_fifo_script " +
			"lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force " +
			"checker_priority checker_no_swap checker_rt_priority checker_cpu_affinity checker_rlimit_rttime checker_rlimit_rtime " +
			"checker_log_all_failures checker_process_name lvs_process_name rs_init_notifies nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark"},
		{ignored("vipd does no BFD yet"), "bfd_priority bfd_no_swap bfd_rt_priority bfd_cpu_affinity bfd_rlimit_rttime bfd_rlimit_rtime bfd_process_name"},
		{ignored("vipd has /metrics and /api/v1/status instead: http_listen"), "snmp_socket enable_traps enable_snmp_vrrp enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 " +
			"enable_snmp_rfcv3 enable_snmp_checker enable_dbus dbus_service_name dbus_no_interface_name"},
		{ignored("vipd sets no firewall"), "vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_counters nftables_ifindex disable_local_igmp"},
		{ignored("vipd makes no interfaces yet"), "vmac_prefix vmac_addr_prefix"},
		{ignored("vipd is one process"), "process_names process_name vrrp_process_name tmp_config_directory config_save_dir data_use_instance"},
		{ignored("have systemd run it: ExecStartPre, ExecStopPost"), "startup_script startup_script_timeout shutdown_script shutdown_script_timeout"},
		{ignored("`vipd reload` checks the file first and keeps the old one on an error"), "reload_check_config reload_time_file reload_repeat reload_file"},
		{ignored("vipd sets its own buffers; kernel_rx_buf_size in an instance is carried out"), "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier " +
			"vrrp_netlink_monitor_rcv_bufs vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs_force " +
			"process_monitor_rcv_bufs process_monitor_rcv_bufs_force"},
		{ignored("`vipd status --json` and `vipd why` show the state"), "state_dump_file stats_dump_file json_dump_file state_file_location stats_file_location json_file_location json_version"},
		{ignored("vipd hears of every link from the kernel and does not poll"), "linkbeat_use_polling"},
	},
	"vrrp_instance": {
		{weightyWord, "state interface vrf version virtual_router_id priority advert_int nopreempt preempt preempt_delay unicast_src_ip mcast_src_ip mcast_dst_ip " +
			"track_src_ip dont_track_primary down_timer_adverts native_ipv6 no_virtual_ipaddress unicast_fault_no_peer " +
			"old_unicast_checksum v3_checksum_as_v2 timer_expired_backup thread_timer_expired"},
		{weightyList, "virtual_ipaddress virtual_ipaddress_excluded virtual_routes virtual_rules unicast_peer track_interface track_script track_process track_file"},
		{weightyBlock, "authentication auth_hmac floating_ip"},
		{plainWord, "check_unicast_src no_check_unicast_src unicast_ttl skip_check_adv_addr strict_mode accept promote_secondaries " +
			"notify notify_master notify_backup notify_fault notify_stop notify_deleted notify_master_rx_lower_pri notify_priority_changes " +
			"garp_master_delay garp_master_repeat garp_lower_prio_delay garp_lower_prio_repeat garp_master_refresh garp_master_refresh_repeat " +
			"lower_prio_no_advert higher_prio_send_advert kernel_rx_buf_size"},
		{ignored("a master announces all its addresses on all their interfaces: garp_master_refresh"), "garp_extra_if vmac_garp_intvl"},
		{ignored("vipd run --log-level debug"), "debug"},
		{refusedBlock("vipd does no BFD yet"), "track_bfd"},
		{ignored("vipd makes no interfaces yet: the address answers with the interface's own MAC"), "use_vmac use_vmac_addr vmac_xmit_base use_ipvlan"},
		{ignored("vipd sets no firewall: packets to the address are taken"), "no_accept"},
		{ignored("vipd sends no mail: use notify scripts"), "smtp_alert"},
		{ignored("vipd does no load balancing"), "lvs_sync_daemon_interface"},
		{ignored("vipd hears of every link from the kernel and does not poll"), "linkbeat_use_polling"},
	},
	"authentication": {{weightyWord, "auth_type auth_pass"}},
	"auth_hmac":      {{weightyWord, "key active_key anti_replay time_window mode"}},
	"floating_ip":    {{weightyWord, "address token_file droplet_id interval timeout api_url metadata_url observe claim confirm"}},
	"vrrp_sync_group": {
		{weightyList, "group track_interface track_script track_process track_file"},
		{weightyWord, "sync_group_tracking_weight global_tracking"},
		{plainWord, "notify notify_master notify_backup notify_fault notify_stop notify_priority_changes"},
		{refusedBlock("vipd does no BFD yet"), "track_bfd"},
		{ignored("vipd sends no mail: use notify scripts"), "smtp_alert"},
	},
	"vrrp_script":        {{weightyWord, "script interval timeout weight rise fall user init_fail"}},
	"vrrp_probe":         {{weightyWord, "tcp http interval timeout weight rise fall init_fail"}},
	"vrrp_track_process": {{weightyWord, "process param_match weight quorum quorum_max delay fork_delay terminate_delay full_command"}},
	"track_file":         {{weightyWord, "file weight init_file"}},
	"track_group":        {{weightyList, "group"}},
	"garp_group":         {{plainWord, "garp_interval gna_interval interface"}, {plainList, "interfaces"}},
})

// sameBlock maps old names of blocks to the kind that they are.
var sameBlock = map[string]string{"vrrp_track_file": "track_file", "backup_real_server": "real_server"}

// onlyTopLevel are the blocks that cannot stand inside another.
var onlyTopLevel = map[string]bool{
	"global_defs": true, "vrrp_instance": true, "vrrp_sync_group": true, "vrrp_script": true, "vrrp_probe": true,
	"vrrp_track_process": true, "vrrp_track_file": true, "static_ipaddress": true, "static_routes": true,
	"static_rules": true, "virtual_server": true, "virtual_server_group": true, "bfd_instance": true,
	"garp_group": true, "interface_up_down_delays": true, "linkbeat_interfaces": true,
}

// block holds the words of one kind of block.
type block struct {
	words map[string]keyword
	names []string
}

func index(tables map[string][]group) map[string]block {
	out := make(map[string]block, len(tables))
	for kind, groups := range tables {
		b := block{words: map[string]keyword{}}
		for _, g := range groups {
			for _, w := range strings.Fields(g.words) {
				b.words[w] = g.keyword
				b.names = append(b.names, w)
			}
		}
		out[kind] = b
	}
	return out
}

// blockKind returns the kind of the block that a keyword opens inside a block
// of kind parent; "" if it opens none that is known.
func blockKind(parent, word string) string {
	k, ok := wordsOf(parent).words[word]
	if !ok || !k.block {
		return ""
	}
	if same, ok := sameBlock[word]; ok {
		return same
	}
	return word
}

// nearest returns the word of a kind of block that was probably meant by an
// unknown one: close in spelling, or one that starts with the other.
func nearest(kind, word string) string {
	names := wordsOf(kind).names
	if near := diag.Nearest(word, names); near != "" {
		return near
	}
	best := ""
	for _, n := range names {
		long, short := n, word
		if len(short) > len(long) {
			long, short = short, long
		}
		if len(short) >= 4 && strings.HasPrefix(long, short) && (best == "" || len(n) < len(best)) {
			best = n
		}
	}
	return best
}

// homes returns the kinds of block in which a word is known, in a fixed order.
func homes(word string) []string {
	var out []string
	for _, kind := range []string{topLevel, "global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_probe", "authentication", "vrrp_track_process", "track_file", "floating_ip", "auth_hmac", "garp_group", "track_group"} {
		if _, ok := vocabulary[kind].words[word]; ok {
			out = append(out, kind)
		}
	}
	for _, kind := range elsewhereKinds {
		if _, ok := elsewhere[kind].words[word]; ok {
			out = append(out, kind)
		}
	}
	return out
}
