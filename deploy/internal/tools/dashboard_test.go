package tools_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Grafana's own types read the dashboard strictly: a field that is unknown, missing or
// of another type is an error, in the panels and their queries, too.
func TestDashboardIsWhatGrafanaReads(t *testing.T) {
	kinds := cog.NewRuntime()
	kinds.RegisterPanelcfgVariant(timeseries.VariantConfig())
	kinds.RegisterDataqueryVariant(prometheus.VariantConfig())
	data, err := os.ReadFile("../../grafana/usher.json")
	if err != nil {
		t.Fatal(err)
	}
	// Where nothing is wrong it returns an empty list, which is not nil, and keeps nothing.
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(data); err != nil && err.Error() != "" {
		t.Fatal(err)
	}
	var d dashboard.Dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	panels, queries := 0, 0
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue // a row
		}
		panels++
		for _, q := range p.Panel.Targets {
			if _, ok := q.(*prometheus.Dataquery); !ok {
				t.Errorf("%s: a query is a %T", *p.Panel.Title, q)
			}
			queries++
		}
		if _, ok := p.Panel.Options.(*timeseries.Options); !ok {
			t.Errorf("%s has options of %T", *p.Panel.Title, p.Panel.Options)
		}
	}
	if panels < 15 || queries < panels {
		t.Errorf("only %d panels and %d queries were read", panels, queries)
	}
}
