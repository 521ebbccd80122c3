# SPDX-License-Identifier: Apache-2.0
"""Fields that other servers and other gateways know and that are refused here, each with its reason.

A caller who comes from there is told the reason with the name, and ``docs/request-fields.md`` is written from it.
A field in neither list is refused as well: it is not known here, so nothing can say what it would do.
"""

from __future__ import annotations

from typing import Final

from brightline.core.errors import UnsupportedField

_NOT_TEXT: Final = "a prompt as numbers is not judged; send it as text"
_CODED: Final = "token ids are words in a code that only the model's own tokenizer reads"
_ANSWER_NUMBERS: Final = "numbers that spell an answer a second time are not judged, so they do not leave"
_OTHER_TEXT: Final = "what the model reads would be another text than what was judged"
_ROUTING: Final = "which server answers is the operator's table"
_GRAMMAR: Final = "a form for the answer goes into response_format, where it is judged"
_OURS: Final = "ids are ours, so that they name evidence"
_MEDIA: Final = "images, audio and files are refused until there is a screen for them"
_MARKS: Final = "marks of the model's own format in an answer are no text that was judged"

NOT_CARRIED: Final[dict[str, str]] = {
    # OpenAI
    "audio": _MEDIA,
    "modalities": _MEDIA,
    "function_call": "old; send tool_choice",
    "functions": "old; send tools, which are registered",
    "logit_bias": _CODED,
    "moderation": "screening is the agreement's; no request raises or lowers it",
    "prediction": "an answer that is given beforehand is a second prompt",
    "prompt_cache_retention": "nothing is kept for a caller",
    "verbosity": "say it in a message",
    "web_search_options": "tools that a provider hosts are not judged here",
    # vLLM
    "add_generation_prompt": _OTHER_TEXT,
    "add_special_tokens": _OTHER_TEXT,
    "allowed_token_ids": _CODED,
    "bad_words": "say it in a message; a list of words is no part of what the model reads",
    "best_of": "answers that are made and not shown cannot be judged",
    "cache_salt": "which requests share a cache is not the caller's choice",
    "chat_template": _OTHER_TEXT,
    "continue_final_message": "an answer that begins in the request would be judged without its beginning",
    "documents": "send them as messages, where they are judged in their place",
    "echo": "the answer would repeat what was asked",
    "ec_transfer_params": _ROUTING,
    "guided_choice": _GRAMMAR,
    "guided_decoding_backend": _GRAMMAR,
    "guided_grammar": _GRAMMAR,
    "guided_json": _GRAMMAR,
    "guided_regex": _GRAMMAR,
    "guided_whitespace_pattern": _GRAMMAR,
    "ignore_eos": "an answer that may not end says what the model would not",
    "include_reasoning": "what a model thinks is always told apart, judged and sent",
    "include_stop_str_in_output": "the API leaves it out",
    "kv_transfer_params": _ROUTING,
    "length_penalty": "a number of beam search, which is not carried",
    "logits_processors": "code of a caller does not run beside the model",
    "logprob_token_ids": _CODED,
    "media_io_kwargs": _MEDIA,
    "mm_processor_kwargs": _MEDIA,
    "priority": "whose turn it is follows from the workload's share",
    "prompt_embeds": _NOT_TEXT,
    "prompt_logprobs": _ANSWER_NUMBERS,
    "repetition_detection": "not carried",
    "request_id": _OURS,
    "return_prompt_text": "the answer would repeat what was asked",
    "return_token_ids": _ANSWER_NUMBERS,
    "return_tokens_as_token_ids": _CODED,
    "session_id": "an exchange stands for itself; nothing is kept for a caller",
    "skip_special_tokens": _MARKS,
    "spaces_between_special_tokens": _MARKS,
    "stop_token_ids": _CODED,
    "structured_outputs": _GRAMMAR,
    "thinking_token_budget": "use reasoning_effort",
    "truncate_prompt_tokens": _OTHER_TEXT,
    "truncation_side": _OTHER_TEXT,
    "use_beam_search": "answers that are made and not shown cannot be judged",
    "vllm_xargs": "what it does is not known here",
    "watermarking": "not carried",
    # SGLang
    "bootstrap_host": _ROUTING,
    "bootstrap_port": _ROUTING,
    "bootstrap_room": _ROUTING,
    "custom_logit_processor": "code of a caller does not run beside the model",
    "custom_params": "code of a caller does not run beside the model",
    "data_parallel_rank": _ROUTING,
    "disagg_prefill_dp_rank": _ROUTING,
    "ebnf": _GRAMMAR,
    "extra_key": "which requests share a cache is not the caller's choice",
    "images_config": _MEDIA,
    "input_ids": _NOT_TEXT,
    "lora_path": "another adapter is another model than the one that was admitted",
    "max_dynamic_patch": _MEDIA,
    "min_dynamic_patch": _MEDIA,
    "ngram_corpus_id": "not carried",
    "no_stop_trim": "the API leaves it out",
    "regex": _GRAMMAR,
    "return_cached_tokens_details": _ANSWER_NUMBERS,
    "return_hidden_states": _ANSWER_NUMBERS,
    "return_meta_info": _ANSWER_NUMBERS,
    "return_prompt_token_ids": _ANSWER_NUMBERS,
    "return_routed_experts": _ANSWER_NUMBERS,
    "rid": _OURS,
    "routed_dp_rank": _ROUTING,
    "routed_experts_start_len": _ANSWER_NUMBERS,
    "separate_reasoning": "what a model thinks is always told apart, judged and sent",
    "session_params": "an exchange stands for itself; nothing is kept for a caller",
    "stop_regex": _GRAMMAR,
    "stream_reasoning": "what a model thinks is always told apart, judged and sent",
    "task": "it adds to what the model reads",
    "use_audio_in_video": _MEDIA,
    # other gateways
    "api_base": _ROUTING,
    "api_key": "one credential, in the Authorization header",
    "caching": "no answer is given twice",
    "extra_headers": "no header of a caller is passed on",
    "fallbacks": _ROUTING,
    "guardrails": "screening is the agreement's; no request raises or lowers it",
    "mock_response": "answers come from models",
    "models": _ROUTING,
    "provider": _ROUTING,
    "route": _ROUTING,
    "transforms": _OTHER_TEXT,
}
"""Name of each field of a request's first level, and why it is refused."""


def with_reason(error: UnsupportedField) -> UnsupportedField:
    """The same refusal, with the reason where the field is a known one."""
    reason = NOT_CARRIED.get(error.param)
    return (
        UnsupportedField(f"`{error.param}` is not carried by this gateway: {reason}", error.param) if reason else error
    )
