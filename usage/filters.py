"""What a question about usage is restricted to; the same for every surface that answers it."""

from dataclasses import dataclass, field

from usage.models import UsageMetric, UsageMetricQuerySet
from usage.periods import Period


@dataclass(frozen=True)
class UsageFilter:
    """Empty tuples and open periods restrict nothing."""

    period: Period = field(default_factory=Period)
    models: tuple[str, ...] = ()
    api_key_hashes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    def rows(self) -> UsageMetricQuerySet:
        return (
            UsageMetric.objects.within(self.period)
            .for_models(self.models)
            .for_keys(self.api_key_hashes)
            .for_providers(self.providers)
            .with_status(self.statuses)
        )
