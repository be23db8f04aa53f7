"""`POST /_qs/litellm`: what LiteLLM's generic API callback sends, in each of its three formats."""

from drf_spectacular.utils import extend_schema_view

from usage.api import client_json
from usage.api.posts import PostView
from usage.api.schema import STORE_LITELLM
from usage.intake import litellm


@extend_schema_view(post=STORE_LITELLM)
class LiteLLMView(PostView):
    way = client_json.way_of("LiteLLM", litellm.parse)
