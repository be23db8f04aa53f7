package qsmetrics

import (
	"context"
	"fmt"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestARowIsSentAsTheContractHasIt(t *testing.T) {
	portal := newPortal(t)
	client, told := newClient(t, portal.URL+"/", Options{})
	cost, at := 0.0, time.Date(2024, 1, 15, 16, 32, 10, 123456000, time.FixedZone("", 7200))
	client.Record(Usage{Timestamp: at, Model: "m", PromptTokens: 1, CompletionTokens: 2, TotalTokens: 3,
		RequestID: "r", Status: "200", LatencyMs: 1.5, APIKeyHash: "h",
		Provider: "p", RequestedModel: "q", CachedTokens: 4, CacheWriteTokens: 5, ReasoningTokens: 6,
		TTFTMs: 7, CostUSD: &cost, Source: "s", EventID: "e", ResponseID: "i", App: "a", User: "u",
		Team: "t", Project: "o", Session: "n", Account: "c",
		CacheWrite1hTokens: 8, AudioInputTokens: 9, AudioOutputTokens: 10, ImageInputTokens: 11,
		ImageOutputTokens: 12, ServiceTier: "batch"})
	equal(t, "Close", client.Close(soon(t)), nil)
	got := portal.received()[0]
	equal(t, "rows", got.rows, []map[string]any{{"timestamp": "2024-01-15T16:32:10.123456+02:00", "model": "m",
		"prompt_tokens": 1.0, "completion_tokens": 2.0, "total_tokens": 3.0, "request_id": "r", "status": "200",
		"latency_ms": 1.5, "api_key_hash": "h", "provider": "p", "requested_model": "q", "cached_tokens": 4.0,
		"cache_write_tokens": 5.0, "reasoning_tokens": 6.0, "ttft_ms": 7.0, "cost_usd": 0.0, "source": "s",
		"event_id": "e", "response_id": "i", "app": "a", "user": "u",
		"team": "t", "project": "o", "session": "n", "account": "c",
		"cache_write_1h_tokens": 8.0, "audio_input_tokens": 9.0, "audio_output_tokens": 10.0,
		"image_input_tokens": 11.0, "image_output_tokens": 12.0, "service_tier": "batch"}})
	equal(t, "url", got.url, "/_qs/usage?partial=true")
	equal(t, "type", got.header.Get("Content-Type"), "application/x-ndjson")
	equal(t, "authorization", got.header.Get("Authorization"), "Bearer "+token)
	equal(t, "counts", counts(client), [3]int64{})
	equal(t, "complaints", told.String(), "")
}

func TestARowWithoutTimeAndIdGetsTheTimeOfRecordAndAnIdOfItsOwn(t *testing.T) {
	portal := newPortal(t)
	client, _ := newClient(t, portal.URL, Options{})
	before := time.Now()
	recordSome(client, 2)
	after := time.Now()
	time.Sleep(5 * time.Millisecond)
	equal(t, "Close", client.Close(soon(t)), nil)
	rows := portal.received()[0].rows
	at, err := time.Parse(time.RFC3339Nano, rows[0]["timestamp"].(string))
	if err != nil || at.Before(before.Round(0)) || at.After(after) {
		t.Errorf("%v is not between %v and %v", at, before, after)
	}
	if id := rows[0]["event_id"].(string); len(id) != 32 || id == rows[1]["event_id"] {
		t.Errorf("%v are no ids of two events", rows)
	}
}

func TestRowsAreSentAfterTheIntervalInBatches(t *testing.T) {
	portal := newPortal(t)
	start := time.Now()
	client, _ := newClient(t, portal.URL, Options{BatchSize: 10, Interval: 200 * time.Millisecond})
	recordSome(client, 25)
	eventually(t, "all rows", func() bool { return client.Pending.Load() == 0 })
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("sent after %v", took)
	}
	equal(t, "sizes", portal.sizes(), []int{10, 10, 5})
	if posts := portal.received(); posts[0].key == "" || posts[0].key == posts[1].key {
		t.Errorf("two batches with one key %q", posts[0].key)
	}
}

func TestABatchIsSentAgainUnchangedWithTheSameKey(t *testing.T) {
	portal := newPortal(t, answer{status: 500}, answer{status: 408}, answer{status: 502, body: "<html>"})
	client, told := newClient(t, portal.URL, Options{Interval: 50 * time.Millisecond})
	recordSome(client, 3)
	eventually(t, "a post", func() bool { return len(portal.received()) > 0 })
	recordSome(client, 1)
	eventually(t, "all rows", func() bool { return client.Pending.Load() == 0 })
	posts := portal.received()
	equal(t, "sizes", portal.sizes(), []int{3, 3, 3, 3, 1})
	for _, post := range posts[1:4] {
		equal(t, "key", post.key, posts[0].key)
		equal(t, "body", post.original, posts[0].original)
	}
	if posts[3].at.Sub(posts[2].at) < 200*time.Millisecond {
		t.Error("the pauses do not grow")
	}
	equal(t, "counts", counts(client), [3]int64{})
	equal(t, "complaints", strings.Count(told.String(), "3 rows wait, 0 dropped so far: status"), 3)
}

func TestRetryAfterIsKeptTo(t *testing.T) {
	portal := newPortal(t, answer{503, "1", `{"error": "the database is busy"}`}, answer{503, "-5", ""})
	client, told := newClient(t, portal.URL, Options{Interval: time.Millisecond})
	recordSome(client, 1)
	eventually(t, "all rows", func() bool { return client.Pending.Load() == 0 })
	posts := portal.received()
	if waited := posts[1].at.Sub(posts[0].at); waited < time.Second {
		t.Errorf("sent again after %v", waited)
	}
	if !strings.Contains(told.String(), `status 503: {"error": "the database is busy"}`) {
		t.Errorf("told %q", told)
	}
}

func TestAPortalThatIsAwayOrSlowIsTriedAgain(t *testing.T) {
	portal := newPortal(t)
	handler := portal.Config.Handler
	var calls atomic.Int64
	portal.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"accepted": 1`) // and hangs up: only a whole answer counts
		case 3:
			time.Sleep(600 * time.Millisecond)
		default:
			handler.ServeHTTP(w, r)
		}
	})
	client, told := newClient(t, portal.URL, Options{Interval: time.Millisecond})
	client.http.Timeout = 400 * time.Millisecond
	recordSome(client, 1)
	eventually(t, "all rows", func() bool { return client.Pending.Load() == 0 })
	equal(t, "sizes", portal.sizes(), []int{1})
	equal(t, "complaints", strings.Count(told.String(), "1 rows wait"), 3)
}

func TestWhatThePortalRefusesIsCountedAndNotSentAgain(t *testing.T) {
	refusal := `{"error": "send an ingest token and not ` + token + `"}`
	for _, status := range []int{200, 301, 307, 400, 401, 404, 413, 429} {
		portal := newPortal(t, answer{status, "1", refusal})
		client, told := newClient(t, portal.URL, Options{})
		recordSome(client, 2)
		equal(t, "Close", client.Close(soon(t)), nil)
		equal(t, "sizes", portal.sizes(), []int{2})
		equal(t, "counts", counts(client), [3]int64{0, 0, 2})
		want := fmt.Sprintf("qsmetrics: 2 of 2 rows refused: status %d: ", status)
		equal(t, "complaint", told.String(), want+strings.ReplaceAll(refusal, token, "…"))
	}
}

func TestABadRowDoesNotCostTheOthers(t *testing.T) {
	partly := `{"accepted": 2, "duplicates": 0, "rejected": 1, "errors": [{"index": 1, "field": "model"}]}`
	portal := newPortal(t, answer{201, "", partly})
	client, told := newClient(t, portal.URL, Options{})
	client.Record(Usage{Model: "m", LatencyMs: math.NaN()})
	client.Record(Usage{Model: "m", Timestamp: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)})
	client.Record(Usage{Model: strings.Repeat("m", 40_000)})
	recordSome(client, 3)
	equal(t, "Close", client.Close(soon(t)), nil)
	equal(t, "sizes", portal.sizes(), []int{3})
	equal(t, "counts", counts(client), [3]int64{0, 3, 1})
	equal(t, "complaint", told.String(), "qsmetrics: 1 of 3 rows refused: status 201: "+partly)
}

func TestALongAnswerIsReportedInPart(t *testing.T) {
	portal := newPortal(t, answer{400, "", strings.Repeat(token, 1000)})
	client, told := newClient(t, portal.URL, Options{})
	recordSome(client, 1)
	equal(t, "Close", client.Close(soon(t)), nil)
	if text := told.String(); len(text) > 2000 || strings.Contains(text, token[:5]) {
		t.Errorf("told %q", text)
	}
}

func TestAFullQueueDropsRowsAndNeverBlocks(t *testing.T) {
	portal := newPortal(t, answer{503, "60", "{}"})
	client, _ := newClient(t, portal.URL, Options{QueueSize: 10, BatchSize: 5, Interval: 50 * time.Millisecond})
	recordSome(client, 5)
	eventually(t, "a post", func() bool { return len(portal.received()) == 1 })
	start := time.Now()
	recordSome(client, 1000)
	if took := time.Since(start); took > time.Second {
		t.Errorf("recording took %v", took)
	}
	equal(t, "counts", counts(client), [3]int64{15, 990, 0})
	equal(t, "Close", client.Close(soon(t)), nil) // which tries once more at once
	equal(t, "sizes", portal.sizes(), []int{5, 5, 5, 5})
}

func TestCloseSendsTheRestAndTakesNoMore(t *testing.T) {
	portal := newPortal(t)
	client, _ := newClient(t, portal.URL, Options{BatchSize: 2})
	recordSome(client, 5)
	equal(t, "Close", client.Close(soon(t)), nil)
	equal(t, "sizes", portal.sizes(), []int{2, 2, 1})
	recordSome(client, 2)
	equal(t, "counts", counts(client), [3]int64{0, 2, 0})
	equal(t, "Close again", client.Close(soon(t)), nil)
}

func TestCloseTellsHowManyRowsItCouldNotDeliver(t *testing.T) {
	portal := newPortal(t)
	portal.Close()
	client, told := newClient(t, portal.URL, Options{BatchSize: 2, Interval: time.Millisecond})
	recordSome(client, 5)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for try := 0; try < 2; try++ {
		if err := client.Close(ctx); err == nil || err.Error() != "qsmetrics: 5 rows could not be delivered" {
			t.Errorf("Close: %v", err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	before := told.String()
	time.Sleep(200 * time.Millisecond)
	equal(t, "complaints after Close", told.String(), before)
	equal(t, "rows still queued", len(client.queue), 0) // the goroutine has let them go
}

func TestCloseEndsAPostThatHangs(t *testing.T) {
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hanging }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hanging) })
	client, told := newClient(t, server.URL, Options{})
	recordSome(client, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := client.Close(ctx); err == nil {
		t.Error("Close tells nothing")
	}
	eventually(t, "the end of the post", func() bool { return strings.Contains(told.String(), "canceled") })
}

func TestAnAPIKeyIsHashed(t *testing.T) {
	const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for _, key := range []string{"abc", " abc\n", "Bearer abc", "bearer  abc"} {
		equal(t, key, HashAPIKey(key), digest)
	}
	equal(t, "no key", HashAPIKey(" "), "")
}

func TestWhatCannotWorkIsRefusedAtTheStartWithoutShowingIt(t *testing.T) {
	whole := Options{URL: "http://host", QueueSize: 1, BatchSize: 1, Interval: time.Hour, OnError: func(error) {}}
	refused := []Options{{}, {URL: "http://host"}}
	for _, url := range []string{"", "127.0.0.1:8081", "localhost:8081", "ftp://host", "http://", "http://h/?a=SECRET",
		"http://user:SECRET@host", "http://user:SECRET@host:port", "http://host/#SECRET", "http://host\n", "http://h:p"} {
		options := whole
		options.URL = url
		refused = append(refused, options)
	}
	for _, token := range []string{"a SECRET", "SECRET\nX: y", "SECRÉT"} {
		options := whole
		options.Token = token
		refused = append(refused, options)
	}
	for _, options := range refused {
		if _, err := New(options); err == nil || strings.Contains(err.Error(), "SECR") {
			t.Errorf("%v: %v", options, err)
		}
	}
	for _, url := range []string{"http://host", "https://some-host.x:99999/sub/", "http://[::1]:1/", "http://-"} {
		options := whole
		options.URL = url
		client, err := New(options)
		if err != nil {
			t.Fatal(err)
		}
		client.Record(Usage{Model: "m"}) // which makes the request, and may not panic
		ended, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		_ = client.Close(ended)
		cancel()
	}
}

func TestManyGoroutinesRecordAndCloseAtOnce(t *testing.T) {
	portal := newPortal(t)
	client, _ := newClient(t, portal.URL, Options{BatchSize: 7, QueueSize: 50, Interval: time.Millisecond})
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			recordSome(client, 50)
			if i >= 18 {
				equal(t, "Close", client.Close(soon(t)), nil)
			}
		}(i)
	}
	all.Wait()
	sent := 0
	for _, size := range portal.sizes() {
		sent += size
	}
	equal(t, "rows", int64(sent)+client.Dropped.Load(), int64(1000))
}

// Run by tests/test_go_client.py, which kills and restarts the portal meanwhile.
func TestAgainstARunningPortal(t *testing.T) {
	url := os.Getenv("QSMETRICS_URL")
	if url == "" {
		t.Skip("needs QSMETRICS_URL")
	}
	client, err := New(Options{URL: url, QueueSize: 10_000, BatchSize: 50, Interval: 20 * time.Millisecond,
		OnError: func(err error) { log.Print(err) }})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := 0; worker < 20; worker++ {
		all.Add(1)
		go func(worker int) {
			defer all.Done()
			for i := 0; i < 100; i++ {
				client.Record(Usage{Model: "gpt-5", PromptTokens: 3, CompletionTokens: 4, Status: "200",
					RequestID: fmt.Sprintf("%d-%d", worker, i), APIKeyHash: HashAPIKey("sk-go-SECRET")})
				time.Sleep(15 * time.Millisecond)
			}
		}(worker)
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := client.Close(ctx); err != nil || counts(client) != [3]int64{} {
		t.Errorf("%v, counts %v", err, counts(client))
	}
}
