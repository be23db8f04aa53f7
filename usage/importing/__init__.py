"""Old `metrics.db` files of Go proxies: reading them, and recording what they hold."""
