# SPDX-License-Identifier: Apache-2.0
"""Fields that other servers know: each is carried, or refused by its name and with its reason."""

from __future__ import annotations

import json

import pytest

from brightline.core.errors import UnsupportedField
from brightline.core.exchange.api import chat
from brightline.core.exchange.api.not_carried import NOT_CARRIED


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The fields of a chat request of vLLM and SGLang, as their own types have them (late 2026), less those of OpenAI.
OF_OTHERS: tuple[str, ...] = _words("""
    use_beam_search top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output ignore_eos
    min_tokens skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens truncation_side prompt_logprobs
    logprob_token_ids allowed_token_ids bad_words echo add_generation_prompt continue_final_message add_special_tokens
    documents chat_template chat_template_kwargs media_io_kwargs mm_processor_kwargs structured_outputs priority
    request_id session_id return_tokens_as_token_ids return_token_ids return_prompt_text cache_salt kv_transfer_params
    ec_transfer_params vllm_xargs repetition_detection thinking_token_budget include_reasoning watermarking
    guided_json guided_regex guided_choice guided_grammar guided_decoding_backend guided_whitespace_pattern
    return_hidden_states return_routed_experts routed_experts_start_len return_cached_tokens_details
    return_prompt_token_ids return_meta_info task regex ebnf stop_regex no_stop_trim lora_path session_params
    separate_reasoning stream_reasoning max_dynamic_patch min_dynamic_patch use_audio_in_video images_config
    custom_logit_processor custom_params input_ids rid extra_key ngram_corpus_id bootstrap_host bootstrap_port
    bootstrap_room routed_dp_rank disagg_prefill_dp_rank data_parallel_rank
""")
CARRIED = set(chat._Request.__struct_fields__)


@pytest.mark.parametrize("name", sorted(NOT_CARRIED))
def test_it_is_refused_by_its_name_and_with_its_reason(name: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello."}], name: None}
    with pytest.raises(UnsupportedField) as caught:
        chat.read_request(json.dumps(body).encode())
    assert caught.value.param == name
    assert f"`{name}`" in str(caught.value)
    assert NOT_CARRIED[name] in str(caught.value)


def test_no_field_is_carried_and_refused() -> None:
    assert not CARRIED & set(NOT_CARRIED)


@pytest.mark.parametrize("name", OF_OTHERS)
def test_what_other_servers_know_is_carried_or_has_a_reason(name: str) -> None:
    assert name in CARRIED or name in NOT_CARRIED


def test_a_name_that_nobody_knows_is_refused_as_well() -> None:
    with pytest.raises(UnsupportedField) as caught:
        chat.read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}],"nobody_knows":1}')
    assert caught.value.param == "nobody_knows"
