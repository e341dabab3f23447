"""Telemetry: the metrics of one service, in its own registry, seconds and bytes as Prometheus wants them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# OpenTelemetry's edges for HTTP durations, with finer ones below 50 ms, where this service lives.
HTTP_BUCKETS_S = (
    *(0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05),
    *(0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
STORE_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)

BATCH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)


class Telemetry:
    """All counters, gauges and histograms; labels come from closed sets, never from clients."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.http_duration = Histogram(
            "rec_http_request_duration_seconds",
            "Time to answer an HTTP request",
            ("route", "method", "status"),
            buckets=HTTP_BUCKETS_S,
            registry=registry,
        )
        self.stage_duration = Histogram(
            "rec_stage_duration_seconds",
            "Time of one stage of a recommendation",
            ("stage",),
            buckets=HTTP_BUCKETS_S,
            registry=registry,
        )
        self.store_duration = Histogram(
            "rec_history_store_duration_seconds",
            "Time of one round trip to the history store",
            ("operation",),
            buckets=STORE_BUCKETS_S,
            registry=registry,
        )
        self.store_failures = Counter(
            "rec_history_store_failures_total",
            "Round trips that failed or took too long",
            ("operation",),
            registry=registry,
        )
        self.problems = Counter("rec_problems_total", "Problem documents sent", ("code",), registry=registry)
        self.recommendations = Counter(
            "rec_recommendations_total", "Lists answered, by what made them", ("source", "mode"), registry=registry
        )
        self.fallbacks = Counter(
            "rec_fallbacks_total", "Lists that the model did not make", ("reason",), registry=registry
        )
        self.items_served = Counter("rec_items_served_total", "Items put into answers", registry=registry)
        self.noncompliant_items = Counter(
            "rec_noncompliant_items_total",
            "Items of strict answers that do not satisfy their instruction; more than 0 is a defect",
            registry=registry,
        )
        self.events = Counter("rec_events_total", "Events received", ("result",), registry=registry)
        self.items_posted = Counter("rec_items_posted_total", "Items received", ("result",), registry=registry)
        self.in_flight = Gauge("rec_requests_in_flight", "Requests that hold a permit", registry=registry)
        self.ready = Gauge("rec_ready", "1 when a release is loaded and warmed up", registry=registry)
        self.release = Gauge("rec_release_info", "The release in force", ("release",), registry=registry)
        self.release_refusals = Counter(
            "rec_release_refusals_total",
            "Releases that were not put in force",
            ("reason",),
            registry=registry,
        )
        self.release_swaps = Counter(
            "rec_release_swaps_total", "Releases put in force while another was served", ("kind",), registry=registry
        )
        self.concurrency_limit = Gauge(
            "rec_concurrency_limit", "Recommendations that may run at once now", registry=registry
        )
        self.worker_restarts = Gauge(
            "rec_worker_restarts", "How often this worker was started again after it died", registry=registry
        )
        self.hand_points = Counter(
            "rec_hand_points_total", "Hand frames answered, by what the cursor did", ("state",), registry=registry
        )
        self.hand_streams = Gauge("rec_hand_streams", "Open streams of hand frames", registry=registry)
        for state in ("moving", "hold", "lost"):
            self.hand_points.labels(state)
        for kind in ("published", "kept"):
            self.release_swaps.labels(kind)
        for reason in ("deadline", "model_error"):
            self.fallbacks.labels(reason)
        for result in ("accepted", "duplicate", "unknown_item"):
            self.events.labels(result)
        for result in ("added", "updated", "unchanged"):
            self.items_posted.labels(result)
        self._describe_states(registry)
        self._describe_artwork(registry)
        self._describe_experiment(registry)
        self._describe_faces(registry)

    def _describe_states(self, registry: CollectorRegistry) -> None:
        """User states and the batches that compute them."""
        self.state_cache = Counter(
            "rec_state_cache_total",
            "Histories asked of the model, by what their state cost: nothing (hit), new events, a full pass (miss)",
            ("result",),
            registry=registry,
        )
        self.state_cache_evicted = Counter(
            "rec_state_cache_evicted_total", "Users dropped to keep the state cache within its bound", registry=registry
        )
        self.state_cache_bytes = Gauge("rec_state_cache_bytes", "Memory of the state cache", registry=registry)
        self.state_cache_users = Gauge("rec_state_cache_users", "Users in the state cache", registry=registry)
        self.batch_requests = Histogram(
            "rec_batch_requests", "Requests in one call of the model", buckets=BATCH_BUCKETS, registry=registry
        )
        self.queue_wait = Histogram(
            "rec_queue_wait_seconds",
            "Time that the first request of a batch waited for the model",
            buckets=STORE_BUCKETS_S,
            registry=registry,
        )
        self.batch_retries = Counter(
            "rec_batch_retries_total", "Batches that failed and were computed one by one", registry=registry
        )
        self.nearline = Counter(
            "rec_nearline_total",
            "Users with new events, by what was done off the request path",
            ("result",),
            registry=registry,
        )
        for result in ("hit", "extend", "miss"):
            self.state_cache.labels(result)
        for result in ("extended", "left", "failed"):
            self.nearline.labels(result)

    def _describe_artwork(self, registry: CollectorRegistry) -> None:
        """Covers: what is served of them and what is asked about them."""
        self.artwork_covers = Gauge("rec_artwork_covers", "Covers that can be found", registry=registry)
        self.artwork_in_flight = Gauge(
            "rec_artwork_in_flight", "Requests about covers that hold or wait for a thread", registry=registry
        )
        self.artwork_answers = Counter(
            "rec_artwork_answers_total",
            "Answers about covers, by whether the second stage ranked them and why not",
            ("operation", "second_stage"),
            registry=registry,
        )
        self.artwork_additions = Counter(
            "rec_artwork_additions_total", "Covers added to a running service", ("result",), registry=registry
        )
        for operation in ("search", "match"):
            for second_stage in ("reranked", "deadline", "no_scorer", "not_asked"):
                self.artwork_answers.labels(operation, second_stage)
        for result in ("new", "replaced"):
            self.artwork_additions.labels(result)

    def _describe_experiment(self, registry: CollectorRegistry) -> None:
        """Arms, whose names come from the settings, and the log of what they showed."""
        self.arm_answers = Counter("rec_arm_answers_total", "Lists answered, by arm", ("arm",), registry=registry)
        self.arm_stand_ins = Counter(
            "rec_arm_stand_ins_total",
            "Lists that the control answered because the arm's release is not loaded",
            ("arm",),
            registry=registry,
        )
        self.exposures = Counter(
            "rec_exposures_total",
            "Requests for the exposure log: written, erased with their user, dropped (queue), failed (store)",
            ("result",),
            registry=registry,
        )
        for result in ("written", "erased", "dropped", "failed"):
            self.exposures.labels(result)

    def _describe_faces(self, registry: CollectorRegistry) -> None:
        """Faces, of covers and of listeners who agreed; never what was read off them."""
        self.followed_release = Gauge(
            "rec_followed_release_info",
            "The release in force of each other kind",
            ("kind", "release"),
            registry=registry,
        )
        self.followed_refusals = Counter(
            "rec_followed_refusals_total", "Releases of other kinds that were refused", ("kind",), registry=registry
        )
        self.faces = Counter(
            "rec_faces_total",
            "Faces found in images that were sent, by whose they are and why they were not read",
            ("source", "outcome"),
            registry=registry,
        )
        self.descriptions = Counter(
            "rec_face_descriptions_total",
            "Descriptions of parts of faces, by whether the text says what the labels say",
            ("outcome",),
            registry=registry,
        )
        for outcome in ("consistent", "inconsistent"):
            self.descriptions.labels(outcome)
        self.listener_sessions = Gauge("rec_listener_sessions", "Sessions of listeners in memory", registry=registry)
        self.consents = Counter(
            "rec_consents_total", "Consents given and withdrawn", ("scope", "event"), registry=registry
        )
        for source in ("cover", "listener"):
            self.faces.labels(source, "read")
