"""The far ends of a copy: registries that speak BentoCloud's API, and files, folders and URLs; contexts and HTTP."""
