"""URLs of the API; what is not one of them gets a JSON 404."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from usage.api.description import SchemaView
from usage.api.health import HealthView
from usage.api.litellm import LiteLLMView
from usage.api.metrics import MetricsView
from usage.api.missing import MissingView
from usage.api.now import NowView
from usage.api.otlp import DroppedView, LangfuseTracesView, LogsView, TracesView
from usage.api.prometheus import PrometheusView
from usage.api.rows_view import UsageView

urlpatterns = [
    path("_qs/health", HealthView.as_view(), name="health"),
    path("_qs/metrics", MetricsView.as_view(), name="metrics"),
    path("_qs/metrics/now", NowView.as_view(), name="now"),
    path("_qs/metrics/prometheus", PrometheusView.as_view(), name="prometheus"),
    path("_qs/usage", UsageView.as_view(), name="usage"),
    path("_qs/litellm", LiteLLMView.as_view(), name="litellm"),
    path("v1/traces", TracesView.as_view(), name="traces"),
    path("v1/metrics", DroppedView.as_view(), name="otlp-metrics"),
    path("v1/logs", LogsView.as_view(), name="logs"),
    path("api/public/otel/v1/traces", LangfuseTracesView.as_view(), name="langfuse-traces"),
    path("_qs/schema", SchemaView.as_view(), name="schema"),
    path(
        "_qs/docs",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    re_path(r"^(?:_qs|v1|api)(?:/|$)", MissingView.as_view(), name="missing"),
]
