package server

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the protocol does. Labels are route patterns and the ids
// of connections, never anything a client chose.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	quirks   *prometheus.CounterVec
	sheds    *prometheus.CounterVec
	cached   sync.Map // routeKey -> counters
}

type routeKey struct {
	route  *route
	method string
	status int
}

type counters struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "usher_http_requests_total", Help: "SCIM requests by route, method and status."}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "usher_http_request_duration_seconds", Help: "Time to answer SCIM requests.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "usher_http_in_flight_requests", Help: "SCIM requests being answered."}),
		quirks:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "usher_quirks_total", Help: "Departures from the RFCs that were understood, by connection."}, []string{"connection", "quirk"}),
		sheds:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "usher_shed_total", Help: "Requests turned away because the server was busy."}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.inFlight, m.quirks, m.sheds)
	}
	return m
}

func (m *Metrics) shed(reason string) { m.sheds.WithLabelValues(reason).Inc() }

func (m *Metrics) count(x *exchange) {
	key := routeKey{x.route, x.r.Method, x.status}
	if x.route == nil || x.route.method(key.method) == nil {
		key.method = "other" // a stranger may make up any number of them
	}
	found, ok := m.cached.Load(key)
	if !ok {
		found, _ = m.cached.LoadOrStore(key, m.counters(key))
	}
	c := found.(counters)
	c.requests.Inc()
	c.duration.Observe(time.Since(x.began).Seconds())
	if x.quirks != 0 {
		for _, name := range x.quirks.Names() {
			m.quirks.WithLabelValues(string(x.principal.Connection.ID), name).Inc()
		}
	}
}

func (m *Metrics) counters(k routeKey) counters {
	pattern := "other"
	if k.route != nil {
		pattern = k.route.pattern
	}
	return counters{m.requests.WithLabelValues(pattern, k.method, strconv.Itoa(k.status)), m.duration.WithLabelValues(pattern, k.method)}
}
