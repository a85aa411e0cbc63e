# The example: real data, and a tour of everything on them.
.PHONY: data demo

data: $(READY)  ## bring the first three batches of the example data
	mlops data next --initial

demo: $(READY)  ## train, gate, release, serve, refuse, improve, roll back: told step by step
	python scripts/demo.py
