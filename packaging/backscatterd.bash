# bash completion for backscatterd
# shellcheck shell=bash

_backscatterd() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words='' flags
  local keys='interfaces= source= ports= sampling.ratio= bpf.attach= bpf.ring_bytes= bpf.stats=
              local.domains= local.networks= trusted_proxies= ignore.networks= ignore.targets=
              targets.fold_case= targets.fold_detail= targets.capacity= sources.capacity=
              bounce.read= bounce.capture_bytes= bounce.daemon_senders= batv.keys= srs.domains=
              verp.patterns= relays= sent.window= sent.capacity= sent.file= sent.min_history=
              sent.min_coverage= sent.feed= detection.file= detection.source_prefix.v4=
              detection.source_prefix.v6= detection.joe_job.recipients= detection.joe_job.networks=
              detection.joe_job.baseline= detection.random_recipients.recipients=
              detection.random_recipients.networks= detection.random_recipients.distinct=
              detection.emitter.recipients= detection.emitter.targets=
              detection.callout_storm.recipients= detection.callout_storm.networks=
              detection.callout_storm.baseline= detection.own_emission.transactions=
              detection.bounce_loop.recipients= detection.widespread.targets= labels.target=
              labels.key_file= labels.names_file= labels.top_k= events.file= events.max_bytes=
              events.transactions= api.transactions= memory.max='
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words='replay run check lookup version --help --version'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    return
  fi
  flags='--config.file --set --help'
  case ${COMP_WORDS[1]} in
    replay) flags+=' --format --top --transactions --sent-ledger' ;;
    run)
      flags+=' --source --interface --duration --report --transactions --log.level --log.format
              --web.listen-address --web.config.file --web.enable-lifecycle'
      ;;
    check) flags+=' --format --config-only' ;;
    lookup) flags+=' --domain' ;;
    *) return ;;
  esac
  case $before in
    --format) words='table json' ;;
    --source) words='auto bpf pcap' ;;
    --log.level) words='debug info warn error' ;;
    --log.format) words='logfmt json' ;;
    --interface) words="any $(cd /sys/class/net 2> /dev/null && echo *)" ;;
    --web.listen-address) words='127.0.0.1:19025 [::1]:19025 :19025 none' ;;
    --top | --duration | --domain) return ;;
    --set)
      compopt -o nospace 2> /dev/null
      words=$keys
      ;;
    --transactions | --sent-ledger | --config.file | --report | --web.config.file) ;;
    *) [[ $word != -* ]] || words=$flags ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _backscatterd backscatterd
