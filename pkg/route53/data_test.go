package route53

import (
	"strings"
	"testing"
)

func TestMasterData(t *testing.T) {
	for _, c := range []struct{ kind, value, want string }{
		{"CNAME", "d111.cloudfront.net", "d111.cloudfront.net."},
		{"CNAME", "d111.cloudfront.net.", "d111.cloudfront.net."},
		{"MX", "10  inbound-smtp.eu-west-1.amazonaws.com", "10 inbound-smtp.eu-west-1.amazonaws.com."},
		{"SRV", "1 10 5269 xmpp.example.com", "1 10 5269 xmpp.example.com."},
		{"SRV", "1 10 5269 .", "1 10 5269 ."},
		{"NS", "ns-1.awsdns-01.org", "ns-1.awsdns-01.org."},
		{"SOA", "ns-1.awsdns-01.org awsdns-hostmaster.amazon.com 1 7200 900 1209600 86400", "ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"},
		{"HTTPS", `1 svc.example.com alpn="h2"`, `1 svc.example.com. alpn="h2"`},
		{"HTTPS", "1 . alpn=h2", "1 . alpn=h2"},
		{"NAPTR", `100 50 "u" "E2U+sip" "!^.*$!sip:a b@example.com!" .`, `100 50 "u" "E2U+sip" "!^.*$!sip:a b@example.com!" .`},
		{"NAPTR", `100 50 "s" "SIP+D2U" "" _sip._udp.example.com`, `100 50 "s" "SIP+D2U" "" _sip._udp.example.com.`},
		{"TXT", `"v=spf1 -all" "a \"b\" \\052 c"`, `"v=spf1 -all" "a \"b\" \\052 c"`},
		{"TXT", `"gr\303\274n \052"`, `"gr\195\188n \042"`},
		{"CAA", `0 issue "amazon.com"`, `0 issue "amazon.com"`},
		{"A", "192.0.2.1", "192.0.2.1"},
		{"CNAME", "", ""},
	} {
		if got := masterData(c.kind, c.value); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.kind, c.value, got, c.want)
		}
	}
}

// What the input does not carry over is told: what Amazon knows of the health
// of a load balancer, where a local zone is, that a zone was a private one.
func TestWhatIsLostIsTold(t *testing.T) {
	for _, c := range []struct{ name, records, left, written string }{
		{
			"a load balancer whose health Amazon knows",
			`{"Name": "www.example.com.", "Type": "A", "SetIdentifier": "a", "Failover": "PRIMARY",
			  "AliasTarget": {"DNSName": "lb.eu-west-1.elb.amazonaws.com.", "EvaluateTargetHealth": true}}`,
			"www.example.com. (a): Amazon knows the health of lb.eu-west-1.elb.amazonaws.com., here it counts as up: a check with target: lb.eu-west-1.elb.amazonaws.com",
			"CNAME lb.eu-west-1.elb.amazonaws.com.",
		},
		{
			"a local zone that is known",
			`{"Name": "www.example.com.", "Type": "A", "SetIdentifier": "a", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}],
			  "GeoProximityLocation": {"LocalZoneGroup": "us-west-2-lax-1"}}`,
			"", "location: [34.05, -118.24]",
		},
		{
			"a local zone that is not",
			`{"Name": "www.example.com.", "Type": "A", "SetIdentifier": "a", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}],
			  "GeoProximityLocation": {"LocalZoneGroup": "us-west-2-xyz-1"}}`,
			"www.example.com. (a): the place of us-west-2-xyz-1 is not known: that of its region us-west-2 is taken: the coordinates of the city", "location: [45.84, -119.7]",
		},
		{
			"the nearest of policies",
			`{"Name": "b.example.com.", "Type": "A", "SetIdentifier": "x", "Weight": 1, "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
			 {"Name": "www.example.com.", "Type": "A", "SetIdentifier": "eu", "Region": "eu-west-1",
			  "AliasTarget": {"DNSName": "b.example.com.", "EvaluateTargetHealth": true}}`,
			"www.example.com. (eu): the nearest is chosen among sites, and this is a policy: failover in the order of the records stands in: nearest over the sites themselves, or rules of geo",
			"www: {failover: [b]}",
		},
		{
			"a name of which nothing is left",
			`{"Name": "example.com.", "Type": "A", "SetIdentifier": "a", "Weight": 1,
			  "AliasTarget": {"DNSName": "lb.eu-west-1.elb.amazonaws.com.", "EvaluateTargetHealth": false}}`,
			"example.com.: nothing could be carried over, and its policy example.com is empty: a site or policy in it, or no STEER at that name",
			"example.com: {failover: []}",
		},
		{
			"a calculated check that needs none",
			`{"Name": "www.example.com.", "Type": "A", "SetIdentifier": "a", "Weight": 1, "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}], "HealthCheckId": "c0"}]}
			 {"HealthChecks": [{"Id": "c0", "HealthCheckConfig": {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": ["off", "t"]}},
			  {"Id": "off", "HealthCheckConfig": {"Type": "TCP", "Port": 1, "IPAddress": "192.0.2.1", "Disabled": true}},
			  {"Id": "t", "HealthCheckConfig": {"Type": "TCP", "Port": 2, "IPAddress": "192.0.2.1"}}`,
			"health check c0 needs none of its checks that could be carried over, so always passing: what it decides about counts as up",
			"www-a: {addresses: [192.0.2.1]}",
		},
		{
			"a calculated check that needs more than it has",
			`{"Name": "www.example.com.", "Type": "A", "SetIdentifier": "a", "Weight": 1, "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}], "HealthCheckId": "c0"}]}
			 {"HealthChecks": [{"Id": "c0", "HealthCheckConfig": {"Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": ["t"]}},
			  {"Id": "t", "HealthCheckConfig": {"Type": "TCP", "Port": 2, "IPAddress": "192.0.2.1"}}`,
			"health check c0 needs more checks than it has, so always failing: what it decides about counts as up",
			"www-a: {addresses: [192.0.2.1]}",
		},
		{
			"a private zone",
			`{"Name": "www.example.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}]}
			 {"HostedZone": {"Name": "example.com.", "Config": {"PrivateZone": true}}, "VPCs": [{"VPCId": "x"}`,
			"example.com. is a private zone, which only its VPCs can ask; here whoever reaches the server can: a firewall, or a listen address that only they reach", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := `{"ResourceRecordSets": [{"Name": "example.com.", "Type": "SOA", "ResourceRecords": [{"Value": "ns1.example.net a.example.net 1 1 1 1 1"}]},` + c.records + "]}"
			var in Input
			if list := in.Read("f", []byte(text)); len(list) > 0 {
				t.Fatal(list)
			}
			got := in.Convert()
			var left []string
			for _, d := range got.Left {
				left = append(left, d.String())
			}
			told := strings.Join(left, "\n")
			if c.left == "" && told != "" || !strings.Contains(told, c.left) {
				t.Errorf("told\n%s\nwant\n%s", told, c.left)
			}
			if !strings.Contains(string(got.Steering.Data), c.written) {
				t.Errorf("no %s in\n%s", c.written, got.Steering.Data)
			}
		})
	}
}
