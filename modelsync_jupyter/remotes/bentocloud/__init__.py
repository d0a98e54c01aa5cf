"""BentoCloud, Yatai and our own registry: everything that speaks BentoCloud's REST API."""
