// Go's reverse proxy with what kamal-proxy does around it by default for each request: an id and a time of arrival,
// X-Forwarded-*, a look into its table of services, a note of what is under way that can be cancelled, pooled buffers,
// limits of time, and one line of JSON through slog when it has been answered. TLS, buffering and error pages are left
// out. Written for this comparison: none of it is kamal-proxy's own code.
//
//	logging-proxy UPSTREAM_PORT PORT LOG_FILE
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

const bufferBytes = 32 * 1024

type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { return make([]byte, bufferBytes) }}}
}
func (p *bufferPool) Get() []byte       { return p.pool.Get().([]byte) }
func (p *bufferPool) Put(buffer []byte) { p.pool.Put(buffer) }

// What the line of a request tells beyond request and answer; the parts further in fill it.
type story struct{ service, target string }

type storyKey struct{}

var errDraining = errors.New("draining")

// One backend, and what is under way there.
type target struct {
	address  string
	proxy    *httputil.ReverseProxy
	lock     sync.Mutex
	draining bool
	underWay map[*http.Request]context.CancelCauseFunc
}

func newTarget(address string) *target {
	where := &url.URL{Scheme: "http", Host: address}
	proxy := &httputil.ReverseProxy{
		BufferPool: newBufferPool(),
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetXForwarded()
			request.SetURL(where)
			request.Out.Host = request.In.Host
			request.Out.URL.RawQuery = request.In.URL.RawQuery
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, ResponseHeaderTimeout: 30 * time.Second},
	}
	return &target{address: address, proxy: proxy, underWay: map[*http.Request]context.CancelCauseFunc{}}
}

func (t *target) begin(request *http.Request) (*http.Request, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.draining {
		return nil, errDraining
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	request = request.WithContext(ctx)
	t.underWay[request] = cancel
	return request, nil
}

func (t *target) end(request *http.Request) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.underWay[request](nil)
	delete(t.underWay, request)
}

// Headers of the answer are gathered first, and given on at once.
type targetWriter struct {
	http.ResponseWriter
	header  http.Header
	written bool
}

func (w *targetWriter) Header() http.Header { return w.header }
func (w *targetWriter) WriteHeader(status int) {
	maps.Copy(w.ResponseWriter.Header(), w.header)
	w.ResponseWriter.WriteHeader(status)
	w.written = true
}
func (w *targetWriter) Write(bytes []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(bytes)
}
func (w *targetWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Services by host.
type router struct {
	lock    sync.RWMutex
	targets map[string]*target
	rest    *target
}

func (r *router) find(host string) *target {
	r.lock.RLock()
	defer r.lock.RUnlock()
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if found, ok := r.targets[host]; ok {
		return found
	}
	return r.rest
}

func (r *router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	target := r.find(request.Host)
	begun, err := target.begin(request)
	if err != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	defer target.end(begun)
	if told, ok := request.Context().Value(storyKey{}).(*story); ok {
		told.service, told.target = "bench", target.address
	}
	target.proxy.ServeHTTP(&targetWriter{ResponseWriter: w, header: http.Header{}}, begun)
}

type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
func (w *countingWriter) Write(bytes []byte) (int, error) {
	count, err := w.ResponseWriter.Write(bytes)
	w.bytes += int64(count)
	return count, err
}
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func logged(logger *slog.Logger, port int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		told := &story{}
		counting := &countingWriter{ResponseWriter: w, status: http.StatusOK}
		request = request.WithContext(context.WithValue(request.Context(), storyKey{}, told))
		started := time.Now()
		next.ServeHTTP(counting, request)
		elapsed := time.Since(started)
		client, clientPort, err := net.SplitHostPort(request.RemoteAddr)
		if err != nil {
			client = request.RemoteAddr
		}
		remote := request.Header.Get("X-Forwarded-For")
		if remote == "" {
			remote = client
		}
		logger.LogAttrs(context.Background(), slog.LevelInfo, "Request",
			slog.String("host", request.Host),
			slog.Int("port", port),
			slog.String("path", request.URL.Path),
			slog.String("request_id", request.Header.Get("X-Request-ID")),
			slog.Int("status", counting.status),
			slog.String("service", told.service),
			slog.String("target", told.target),
			slog.Int64("duration", elapsed.Nanoseconds()),
			slog.String("method", request.Method),
			slog.Int64("req_content_length", request.ContentLength),
			slog.String("req_content_type", request.Header.Get("Content-Type")),
			slog.Int64("resp_content_length", counting.bytes),
			slog.String("resp_content_type", counting.Header().Get("Content-Type")),
			slog.String("client_addr", client),
			slog.String("client_port", clientPort),
			slog.String("remote_addr", remote),
			slog.String("user_agent", request.Header.Get("User-Agent")),
			slog.String("proto", request.Proto),
			slog.String("scheme", "http"),
			slog.String("query", request.URL.RawQuery),
		)
	})
}

func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("X-Request-ID") == "" {
			var id [16]byte
			rand.Read(id[:])
			request.Header.Set("X-Request-ID", fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
		}
		if request.Header.Get("X-Request-Start") == "" {
			request.Header.Set("X-Request-Start", "t="+strconv.FormatInt(time.Now().UnixMilli(), 10))
		}
		next.ServeHTTP(w, request)
	})
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		panic(err)
	}
	file, err := os.Create(os.Args[3])
	if err != nil {
		panic(err)
	}
	port, _ := strconv.Atoi(os.Args[2])
	all := &router{targets: map[string]*target{}, rest: newTarget("127.0.0.1:" + os.Args[1])}
	logger := slog.New(slog.NewJSONHandler(file, nil))
	fmt.Println("ready")
	panic(http.Serve(listener, identified(logged(logger, port, all))))
}
