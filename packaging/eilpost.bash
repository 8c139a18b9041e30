# bash completion for eilpost

# Prints the words that complete a command: its subcommands or options.
_eilpost_words() {
  local account="--server --user --password --token --oauth --token-cache --as --mechanism --ca-file --certificate --key --kerberos --insecure --silence --compress"
  local which="--mailbox --exclude --marked --seen --flagged --older-than --age-by --larger-than --from --subject --duplicates --across"
  case "$1" in
    "") echo "serve demo account grant mailbox import export check backup restore cluster store index abuse log trace alert top cleanup migrate oauth sync watch doctor config version --help --version" ;;
    serve) echo "--config --data --help" ;;
    demo)
      echo "--data --config --base-port --accounts --engine --ceph-conf --namespace --node --empty --log --help" ;;
    account) echo "add list show resolve passwd remove alias set app-password policy --help" ;;
    "account app-password") echo "add list remove --service --read-only --json --config --data --help" ;;
    "account policy") echo "--set --clear --config --data --help" ;;
    "account add")
      echo "--alias --display-name --quota-bytes --quota-messages --quota-mailboxes --no-password --config --data --help" ;;
    "account list") echo "--json --config --data --help" ;;
    "account show" | "account resolve" | "account passwd" | "account remove") echo "--config --data --help" ;;
    "account alias") echo "--remove --config --data --help" ;;
    "account set")
      echo "--quota-bytes --quota-messages --quota-mailboxes --display-name --disable --enable --admin --no-admin --hide --show --offer --config --data --help" ;;
    grant) echo "list add remove --help" ;;
    "grant list" | "grant remove") echo "--config --data --help" ;;
    "grant add") echo "--rights --days --config --data --help" ;;
    mailbox) echo "list --help" ;;
    "mailbox list") echo "--json --config --data --help" ;;
    import) echo "--format --mailbox --ledger --config --data --help" ;;
    export) echo "--format --mailbox --config --data --help" ;;
    check) echo "--all --repair --quick --config --data --help" ;;
    backup) echo "--verify --config --data --help" ;;
    restore) echo "--to --help" ;;
    cluster) echo "status --help" ;;
    "cluster status") echo "--json --account --config --data --help" ;;
    store) echo "copy --help" ;;
    "store copy") echo "--from --to --account --final --help" ;;
    index) echo "status rebuild drop --help" ;;
    "index status") echo "--json --config --data --help" ;;
    "index rebuild" | "index drop") echo "--config --data --help" ;;
    top) echo "--once --config --data --help" ;;
    sync)
      echo "$account --maildir --layout --mailbox --exclude --max-delete --allow-empty --yes --restore --trash --state --rebuild --dry-run --no-fsync --connections --watch --poll --json --quiet --help" ;;
    migrate)
      echo "plan copy delta cutover verify --from-server --from-user --from-password --from-token --from-oauth --from-token-cache --from-as --from-mechanism --from-ca-file --from-certificate --from-key --from-kerberos --from-insecure --from-silence --from-compress --to-server --to-user --to-password --to-token --to-oauth --to-token-cache --to-as --to-mechanism --to-ca-file --to-certificate --to-key --to-kerberos --to-insecure --to-silence --to-compress --from-maildir --from-mbox --to-maildir --to-mbox --include --exclude --map --from-root --to-root --no-special-use --labels --delete --copy-placeholders --no-subscriptions --no-acl --no-metadata --verify --connections --octets-per-day --ledger --report --batch --column --quiet --help" ;;
    watch)
      echo "$account --mailbox --exec --hook --json --quiet --state --once --connections --poll --renew --no-notify --help" ;;
    cleanup) echo "list undelete mark trash purge rules undo journal --help" ;;
    "cleanup list") echo "$account $which --json --summary --help" ;;
    "cleanup undelete" | "cleanup mark") echo "$account $which --json --summary --apply --journal --help" ;;
    "cleanup trash") echo "$account $which --to --json --summary --apply --journal --help" ;;
    "cleanup purge")
      echo "$account $which --json --summary --apply --journal --ask-above --yes --help" ;;
    "cleanup rules") echo "$account --json --summary --apply --journal --ask-above --yes --help" ;;
    "cleanup undo") echo "$account --run --json --summary --apply --journal --help" ;;
    "cleanup journal") echo "$account --json --journal --help" ;;
    oauth) echo "login status logout --help" ;;
    "oauth login")
      echo "--provider --server --user --client-id --client-secret --scope --device --redirect --browser --ca-file --token-cache --help" ;;
    "oauth status") echo "--json --token-cache --help" ;;
    "oauth logout") echo "--provider --user --token-cache --help" ;;
    doctor)
      echo "$account --also --name --windows-domain --tries --mailbox --messages --write --patience --discovery --format --output --trace --help" ;;
    abuse) echo "list forget --help" ;;
    log) echo "explain --help" ;;
    "abuse list" | "abuse forget" | "log explain") echo "--config --data --help" ;;
    alert) echo "send list remove rules --help" ;;
    "alert send") echo "--german --account --until --maintenance --mail --config --data --help" ;;
    "alert list" | "alert remove" | "alert rules") echo "--config --data --help" ;;
    trace) echo "--seconds --kilobytes --config --data --help" ;;
    config) echo "check keys explain --help" ;;
    "config explain") echo "--from --listener --tls --client --config --data --help" ;;
    "config check" | "config keys" | version) echo "--help" ;;
  esac
}

_eilpost() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command="" i
  case "${COMP_WORDS[1]} $before" in
    "doctor --format") mapfile -t COMPREPLY < <(compgen -W "text json html" -- "$word"); return ;;
    "doctor --output" | "doctor --trace") mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "store --from" | "store --to") mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  esac
  case "$before" in
    --config | --ledger | --ceph-conf | --journal | --token-cache | --ca-file | --batch | --report | --from-mbox) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --data | --to | --maildir | --from-maildir | --to-maildir | --to-mbox) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --compress | --from-compress | --to-compress) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$word"); return ;;
    --layout) mapfile -t COMPREPLY < <(compgen -W "maildir++ nested" -- "$word"); return ;;
    --labels) mapfile -t COMPREPLY < <(compgen -W "copies keywords" -- "$word"); return ;;
    --engine) mapfile -t COMPREPLY < <(compgen -W "rocksdb memory rados" -- "$word"); return ;;
    --marked | --seen | --flagged) mapfile -t COMPREPLY < <(compgen -W "yes no any" -- "$word"); return ;;
    --age-by) mapfile -t COMPREPLY < <(compgen -W "arrival date" -- "$word"); return ;;
    --oauth | --provider) mapfile -t COMPREPLY < <(compgen -W "google microsoft" -- "$word"); return ;;
    --rights) mapfile -t COMPREPLY < <(compgen -W "full read-only" -- "$word"); return ;;
    --log) mapfile -t COMPREPLY < <(compgen -W "debug info warn error" -- "$word"); return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W "auto maildir mbox" -- "$word"); return ;;
  esac
  for ((i = 1; i < COMP_CWORD && i < 3; ++i)); do
    case "$i ${COMP_WORDS[i]}" in
      1\ *) command=${COMP_WORDS[1]} ;;
      2\ [a-z]*)
        case "$command" in account | grant | mailbox | cluster | store | index | config | abuse | log | alert | cleanup | oauth) command+=" ${COMP_WORDS[2]}" ;; esac ;;
    esac
  done
  case "$command" in
    import | export | check | backup | restore | "config check" | "cleanup rules")
      if [[ $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
      fi ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$(_eilpost_words "$command")" -- "$word")
}
complete -o filenames -F _eilpost eilpost
