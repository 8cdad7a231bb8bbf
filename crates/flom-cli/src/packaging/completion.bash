# Completion of @PROGRAM@ for bash.

_@PROGRAM@_offer() {
    [[ $current == '=' ]] && current=''
    [[ $1 == -[fd] ]] && compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$@" -- "$current")
}

_@PROGRAM@() {
    local current=${COMP_WORDS[COMP_CWORD]} option='' command='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ $option ]]; then
            # Bash makes three words of --option=value.
            [[ ${COMP_WORDS[i]} == '=' ]] || option=''
            continue
        fi
        case ${COMP_WORDS[i]} in
        @WITH_VALUE@)
            option=${COMP_WORDS[i]} ;;
        --) command=$((i + 1)); break ;;
        = | -*) ;;
        *) command=$i; break ;;
        esac
    done
    if [[ $command ]]; then
        _@PROGRAM@_command "$command"
        return
    fi
    case $option in
@VALUES@
    '')
        if [[ $current == -* ]]; then
            _@PROGRAM@_offer -W '@ALL@'
        else
            _@PROGRAM@_command "$COMP_CWORD"
        fi ;;
    esac
}

complete -F _@PROGRAM@ @PROGRAM@
