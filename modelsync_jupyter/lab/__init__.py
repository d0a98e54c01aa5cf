"""The Jupyter server extension behind the sidebar: thin handlers over `modelsync_jupyter.client`."""
