"""OpenTelemetry's traces: the spans of model calls as usage records."""
