// Package qsmetrics sends usage rows to a qsmetrics portal in the background. See own-clients.md.
package qsmetrics

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Usage is one completed request. What is zero is unknown, or as its comment says.
type Usage struct {
	Timestamp          time.Time `json:"timestamp"` // of completion; zero: now
	Model              string    `json:"model"`     // required
	PromptTokens       int64     `json:"prompt_tokens,omitempty"`
	CompletionTokens   int64     `json:"completion_tokens,omitempty"`
	TotalTokens        int64     `json:"total_tokens,omitempty"`          // zero: prompt + completion
	CachedTokens       int64     `json:"cached_tokens,omitempty"`         // part of the prompt's
	CacheWriteTokens   int64     `json:"cache_write_tokens,omitempty"`    // part of the prompt's
	ReasoningTokens    int64     `json:"reasoning_tokens,omitempty"`      // part of the completion's
	CacheWrite1hTokens int64     `json:"cache_write_1h_tokens,omitempty"` // part of CacheWriteTokens
	AudioInputTokens   int64     `json:"audio_input_tokens,omitempty"`
	AudioOutputTokens  int64     `json:"audio_output_tokens,omitempty"`
	ImageInputTokens   int64     `json:"image_input_tokens,omitempty"`
	ImageOutputTokens  int64     `json:"image_output_tokens,omitempty"`
	RequestID          string    `json:"request_id,omitempty"`
	ResponseID         string    `json:"response_id,omitempty"`
	Status             string    `json:"status,omitempty"` // "200"
	LatencyMs          float64   `json:"latency_ms,omitempty"`
	TTFTMs             float64   `json:"ttft_ms,omitempty"`
	APIKeyHash         string    `json:"api_key_hash,omitempty"` // from HashAPIKey, never the key
	Provider           string    `json:"provider,omitempty"`
	RequestedModel     string    `json:"requested_model,omitempty"`
	App                string    `json:"app,omitempty"`
	User               string    `json:"user,omitempty"`
	Team               string    `json:"team,omitempty"`
	Project            string    `json:"project,omitempty"`
	Session            string    `json:"session,omitempty"`      // id of one conversation
	Account            string    `json:"account,omitempty"`      // upstream that answered, never its key
	ServiceTier        string    `json:"service_tier,omitempty"` // such as "batch", "priority"
	CostUSD            *float64  `json:"cost_usd,omitempty"`
	Source             string    `json:"source,omitempty"`
	EventID            string    `json:"event_id,omitempty"` // empty: a random one
}

// HashAPIKey is what stands for a client's key in a row: its hex SHA-256, without "Bearer ".
func HashAPIKey(key string) string {
	words := strings.Fields(key)
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(words[len(words)-1])))
}

// Options of a Client. All but the token are required.
type Options struct {
	URL       string        // of the portal, such as http://127.0.0.1:8081
	Token     string        // an ingest token
	QueueSize int           // most rows that wait, beside the batch on its way
	BatchSize int           // most rows in one post
	Interval  time.Duration // between looks at what waits, and before a first retry
	OnError   func(error)   // called by the sending goroutine, never with a secret
}

// Client takes rows from any number of goroutines and sends them from one of its own.
type Client struct {
	Pending       atomic.Int64 // rows that are neither stored nor refused yet
	Dropped       atomic.Int64 // rows that found no room, came after Close, or are no JSON up to 32 KiB
	Rejected      atomic.Int64 // rows that the portal refused
	options       Options
	http          http.Client
	lock          sync.Mutex      // of putting rows into the queue, which ends with open
	queue         chan []byte     // rows as JSON
	open, sending context.Context // until Close begins, and until it ends
	shut, giveUp  context.CancelFunc
}

// New starts a client. Its error does not repeat what may be secret.
func New(options Options) (*Client, error) {
	valid := regexp.MustCompile(`^https?://([\w.-]+|\[[\w:]+\])(:\d+)?(/[\w./~-]*)? [!-~]*$`)
	if !valid.MatchString(options.URL+" "+options.Token) || options.OnError == nil ||
		options.QueueSize < 1 || options.BatchSize < 1 || options.Interval <= 0 {
		return nil, fmt.Errorf("qsmetrics: want a URL such as http://host:8081, a token without spaces, and all else")
	}
	c := &Client{options: options, queue: make(chan []byte, options.QueueSize)}
	c.http.Timeout = 10 * time.Second
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.open, c.shut = context.WithCancel(context.Background())
	c.sending, c.giveUp = context.WithCancel(context.Background())
	go c.run()
	return c, nil
}

// Record queues a row, or drops and counts it. It never waits.
func (c *Client) Record(row Usage) {
	if row.Timestamp.IsZero() {
		row.Timestamp = time.Now()
	}
	if row.EventID == "" {
		id := make([]byte, 16)
		_, _ = rand.Read(id) // it fails only where the system has no randomness at all
		row.EventID = fmt.Sprintf("%x", id)
	}
	line, err := json.Marshal(row)
	c.lock.Lock()
	defer c.lock.Unlock()
	if err == nil && len(line) <= 32<<10 && c.open.Err() == nil && len(c.queue) < cap(c.queue) {
		c.Pending.Add(1)
		c.queue <- line // at once, as there is room, and nobody else may fill it
	} else {
		c.Dropped.Add(1)
	}
}

// Close takes no more rows and sends the rest until ctx ends. Its error counts the rows left.
func (c *Client) Close(ctx context.Context) error {
	c.lock.Lock()
	c.shut()
	c.lock.Unlock()
	for c.Pending.Load() > 0 && ctx.Err() == nil && c.sending.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	c.giveUp()
	if left := c.Pending.Load(); left > 0 {
		return fmt.Errorf("qsmetrics: %d rows could not be delivered", left)
	}
	return nil
}

// run sends what is queued, once an interval and when Close begins.
func (c *Client) run() {
	for c.open.Err() == nil || c.Pending.Load() > 0 && c.sending.Err() == nil {
		select {
		case <-time.After(c.options.Interval):
		case <-c.open.Done():
		}
		for len(c.queue) > 0 {
			c.deliver()
		}
	}
}

// deliver takes a batch and posts it until it is stored or refused, or Close gives up.
func (c *Client) deliver() {
	var batch [][]byte
	for len(c.queue) > 0 && len(batch) < c.options.BatchSize {
		batch = append(batch, <-c.queue)
	}
	body, rows, closing := bytes.Join(batch, []byte("\n")), int64(len(batch)), c.open.Done()
	for pause := c.options.Interval; c.sending.Err() == nil; pause *= 2 {
		retryAfter, err := c.post(body, rows)
		if err == nil {
			c.Pending.Add(-rows)
			return
		}
		c.report("%d rows wait, %d dropped so far: %v", rows, c.Dropped.Load(), err)
		if pause += retryAfter; pause > time.Minute {
			pause = time.Minute
		}
		select {
		case <-time.After(pause + time.Duration(time.Now().UnixNano())%pause): // with jitter
		case <-closing: // try once more at once, then with short pauses
			closing, pause = nil, c.options.Interval
		case <-c.sending.Done():
		}
	}
}

// post sends a batch once. An error means that it is neither stored nor refused.
func (c *Client) post(body []byte, rows int64) (retryAfter time.Duration, err error) {
	url := strings.TrimRight(c.options.URL, "/") + "/_qs/usage?partial=true"
	request, _ := http.NewRequestWithContext(c.sending, "POST", url, bytes.NewReader(body)) // a valid URL
	request.Header.Set("Authorization", "Bearer "+c.options.Token)
	request.Header.Set("Content-Type", "application/x-ndjson") // a bad line does not spoil the rest
	request.Header.Set("Idempotency-Key", fmt.Sprintf("%x", sha256.Sum256(body)))
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	answer := struct{ Rejected int64 }{rows}
	switch status := response.StatusCode; {
	case err != nil || status == http.StatusRequestTimeout || status >= 500:
		retryAfter, _ = time.ParseDuration("0" + response.Header.Get("Retry-After") + "s")
		return retryAfter, fmt.Errorf("status %d: %s", status, text)
	case status == http.StatusCreated:
		_ = json.Unmarshal(text, &answer)
	}
	if answer.Rejected > 0 {
		c.Rejected.Add(answer.Rejected)
		c.report("%d of %d rows refused: status %d: %s", answer.Rejected, rows, response.StatusCode, text)
	}
	return 0, nil
}

func (c *Client) report(format string, values ...any) { // with the token blotted out, if there is one
	text := strings.Replace(fmt.Sprintf(format, values...), c.options.Token, "…", 500*len(c.options.Token))
	c.options.OnError(fmt.Errorf("qsmetrics: %.500s", text))
}
