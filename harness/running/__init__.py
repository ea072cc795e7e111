"""How frameworks are asked: worker processes, the run over them, and scripts that repeat a result."""
