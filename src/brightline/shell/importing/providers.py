# SPDX-License-Identifier: Apache-2.0
"""Which providers speak Chat Completions under /v1, where, and under which variable their key usually lies."""

from __future__ import annotations

from typing import Final

import msgspec


class Provider(msgspec.Struct, frozen=True):
    """``url`` without /v1, empty for a server of one's own; ``key_env`` as the provider's own tools call it."""

    url: str = ""
    key_env: str = ""
    probe_path: str = ""


_OWN: Final = Provider(probe_path="/health")  # vLLM, SGLang and llama.cpp answer 200 there while they are well

PROVIDERS: Final[dict[str, Provider]] = {
    "openai": Provider("https://api.openai.com", "OPENAI_API_KEY"),
    "custom_openai": Provider(),
    "openai_like": Provider(),
    "litellm_proxy": Provider("", "LITELLM_PROXY_API_KEY"),
    "hosted_vllm": _OWN,
    "vllm_openai": _OWN,
    "llamafile": _OWN,
    "lm_studio": Provider(),
    "nim": Provider("https://integrate.api.nvidia.com", "NVIDIA_API_KEY"),
    "nvidia_ai_endpoints": Provider("https://integrate.api.nvidia.com", "NVIDIA_API_KEY"),
    "nvidia_nim": Provider("https://integrate.api.nvidia.com", "NVIDIA_NIM_API_KEY"),
    "ollama": Provider("http://127.0.0.1:11434"),
    "ollama_chat": Provider("http://127.0.0.1:11434"),
    "groq": Provider("https://api.groq.com/openai", "GROQ_API_KEY"),
    "deepseek": Provider("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "mistral": Provider("https://api.mistral.ai", "MISTRAL_API_KEY"),
    "openrouter": Provider("https://openrouter.ai/api", "OPENROUTER_API_KEY"),
    "fireworks_ai": Provider("https://api.fireworks.ai/inference", "FIREWORKS_API_KEY"),
    "together_ai": Provider("https://api.together.xyz", "TOGETHERAI_API_KEY"),
    "xai": Provider("https://api.x.ai", "XAI_API_KEY"),
    "cerebras": Provider("https://api.cerebras.ai", "CEREBRAS_API_KEY"),
    "sambanova": Provider("https://api.sambanova.ai", "SAMBANOVA_API_KEY"),
}

OTHERS: Final = frozenset(
    [
        "ai21", "aleph_alpha", "anthropic", "anyscale", "azure", "azure_ai", "azure_text", "baseten", "bedrock",
        "clarifai", "cloudflare", "codestral", "cohere", "cohere_chat", "databricks", "deepinfra", "gemini", "github",
        "huggingface", "jina_ai", "maritalk", "nlp_cloud", "oci", "palm", "perplexity", "petals", "predibase",
        "replicate", "sagemaker", "sagemaker_chat", "snowflake", "text-completion-openai", "triton", "vertex_ai",
        "vertex_ai_beta", "vllm", "volcengine", "voyage", "watsonx", "watsonx_text",
    ]
)  # fmt: skip
"""Providers with another API, another path or another way to prove who asks: they need a server in between."""

ANOTHER_API: Final = (
    "its API, path or credentials are not those of Chat Completions under /v1 with a key; put a server between that "
    "speaks it, and name that one"
)
