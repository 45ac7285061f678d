"""The operations family (seed 000, spec operations): batches of API calls, and the resources that they operate on."""
