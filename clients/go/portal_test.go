package qsmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	token  = "qs-A-TOKEN-THAT-NO-TEXT-MAY-SHOW"
	stored = `{"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}`
)

type answer struct {
	status     int
	retryAfter string
	body       string
}

type post struct {
	at       time.Time
	key      string
	header   http.Header
	url      string
	rows     []map[string]any
	original string
}

// portal answers one post after the other as told, and 201 from then on.
type portal struct {
	*httptest.Server
	lock    sync.Mutex
	answers []answer
	posts   []post
}

func newPortal(t *testing.T, answers ...answer) *portal {
	p := &portal{answers: answers}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := post{time.Now(), r.Header.Get("Idempotency-Key"), r.Header, r.URL.String(), nil, string(body)}
	for _, line := range strings.Split(got.original, "\n") {
		var row map[string]any
		if json.Unmarshal([]byte(line), &row) == nil {
			got.rows = append(got.rows, row)
		}
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.posts = append(p.posts, got)
	now := answer{201, "", stored}
	if len(p.answers) > 0 {
		now, p.answers = p.answers[0], p.answers[1:]
	}
	if now.retryAfter != "" {
		w.Header().Set("Retry-After", now.retryAfter)
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(now.status)
	fmt.Fprint(w, now.body)
}

func (p *portal) received() []post {
	p.lock.Lock()
	defer p.lock.Unlock()
	return append([]post(nil), p.posts...)
}

func (p *portal) sizes() (sizes []int) {
	for _, post := range p.received() {
		sizes = append(sizes, len(post.rows))
	}
	return sizes
}

// complaints is what a client reports.
type complaints struct {
	lock  sync.Mutex
	texts []string
}

func (c *complaints) add(err error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.texts = append(c.texts, err.Error())
}

func (c *complaints) String() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return strings.Join(c.texts, "\n")
}

// newClient has the options that are missing, and sends nothing before Close if Interval is.
func newClient(t *testing.T, url string, options Options) (*Client, *complaints) {
	told := &complaints{}
	options.URL, options.Token, options.OnError = url, token, told.add
	for option, standard := range map[*int]int{&options.QueueSize: 1000, &options.BatchSize: 100} {
		if *option == 0 {
			*option = standard
		}
	}
	if options.Interval == 0 {
		options.Interval = time.Hour
	}
	client, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Close(ended)
		if strings.Contains(told.String(), token) {
			t.Errorf("the token is in %q", told)
		}
	})
	return client, told
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func recordSome(client *Client, count int) {
	for i := 0; i < count; i++ {
		client.Record(Usage{Model: "gpt-5", RequestID: strconv.Itoa(i)})
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func eventually(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !isSo(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func counts(client *Client) [3]int64 {
	return [3]int64{client.Pending.Load(), client.Dropped.Load(), client.Rejected.Load()}
}
