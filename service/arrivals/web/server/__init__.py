"""The front door: connections with bounds, the fast way for webhooks, uvicorn for everything else."""
