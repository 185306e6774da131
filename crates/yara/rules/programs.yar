// Programs for a machine that ship inside a package: the scanner's own rules read source, bytecode and the names that a
// native file imports; these know what such a program says of itself.

private rule is_program {
    condition:
        uint32(0) == 0x464c457f                                           // ELF
        or (uint16(0) == 0x5a4d and uint32(uint32(0x3c)) == 0x00004550)   // PE
        or uint32(0) == 0xfeedfacf or uint32(0) == 0xcffaedfe             // Mach-O, 64 bits
}

rule packed_program {
    meta:
        description = "a program that unpacks itself when it is started (UPX)"
        look = "what it is once `upx -d` unpacked it, and why it is packed"
        family = "obfuscation"
        weight = 55
    strings:
        $mark = "UPX!"
        $first = "UPX0"
        $second = "UPX1"
        $says = "executable packer http://upx"
    condition:
        is_program and $mark and (($first and $second) or $says)
}

rule frozen_script {
    meta:
        description = "a program that carries a Python interpreter and scripts of its own (PyInstaller)"
        look = "the scripts inside: `pyi-archive_viewer` lists them"
        family = "obfuscation"
        weight = 60
    strings:
        $cookie = { 4D 45 49 0C 0B 0A 0B 0E }
    condition:
        is_program and $cookie
}

rule miner_program {
    meta:
        description = "a program that mines a cryptocurrency: it speaks to a pool"
        look = "the pool's address, and what starts the program"
        family = "download-and-run"
        weight = 95
    strings:
        $pool = /stratum\+(tcp|ssl|tls):\/\//
        $name1 = "xmrig" nocase
        $name2 = "donate-level"
        $name3 = "cryptonight" nocase
        $name4 = "randomx" nocase
        $name5 = "nicehash" nocase
    condition:
        is_program and $pool and 2 of ($name*)
}
