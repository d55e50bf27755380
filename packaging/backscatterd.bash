# bash completion for backscatterd
# shellcheck shell=bash

_backscatterd() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local flags='--format --top --transactions --sent-ledger --config.file --set --help'
  local keys='ports= local.domains= local.networks= trusted_proxies= targets.fold_case=
              targets.fold_detail= targets.capacity= sources.capacity= bounce.read=
              bounce.capture_bytes= bounce.daemon_senders= batv.keys= srs.domains= verp.patterns=
              relays= sent.window= sent.capacity= sent.min_history= sent.min_coverage=
              sent.feed= detection.source_prefix.v4= detection.source_prefix.v6='
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'replay version --help --version' -- "$word")
    return
  fi
  [[ ${COMP_WORDS[1]} == replay ]] || return
  case $before in
    --format) mapfile -t COMPREPLY < <(compgen -W 'table json' -- "$word") ;;
    --top) ;;
    --set)
      compopt -o nospace 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$word")
      ;;
    *)
      if [[ $word == -* && $before != --transactions && $before != --sent-ledger && $before != --config.file ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
      else
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi
      ;;
  esac
}
complete -F _backscatterd backscatterd
