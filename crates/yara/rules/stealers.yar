// What programs that steal have to name, whatever they are written in and however they are compiled.

private rule is_executable {
    condition:
        uint32(0) == 0x464c457f
        or (uint16(0) == 0x5a4d and uint32(uint32(0x3c)) == 0x00004550)
        or uint32(0) == 0xfeedfacf or uint32(0) == 0xcffaedfe
}

rule stealer_program {
    meta:
        description = "a program that names the password stores of browsers and a chat service's door for robots"
        look = "what it sends there"
        family = "credential-theft"
        weight = 95
    strings:
        $store1 = "Login Data" ascii wide
        $store2 = "Local State" ascii wide
        $store3 = "logins.json" ascii wide
        $store4 = "key4.db" ascii wide
        $store5 = "Local Storage\\leveldb" ascii wide
        $store6 = "encrypted_key" ascii wide
        $out1 = /discord(app)?\.com\/api\/webhooks\/[0-9]/ ascii wide
        $out2 = "api.telegram.org/bot" ascii wide
    condition:
        is_executable and 2 of ($store*) and any of ($out*)
}

rule wallet_program {
    meta:
        description = "a program that names the folders of three or more wallets for cryptocurrencies"
        look = "what it does with these folders"
        family = "credential-theft"
        weight = 90
    strings:
        $wallet1 = "Exodus\\exodus.wallet" ascii wide
        $wallet2 = "Electrum\\wallets" ascii wide
        $wallet3 = "atomic\\Local Storage" ascii wide
        $wallet4 = "nkbihfbeogaeaoehlefnkodbefgpgknn" ascii wide
        $wallet5 = "bfnaelmomeimhlpmgjnjophhpkkoljpa" ascii wide
        $wallet6 = "Coinomi\\wallets" ascii wide
    condition:
        is_executable and 3 of ($wallet*)
}

rule injected_stage {
    meta:
        description = "a library that loads itself into another process's memory, as the second stage of an attack does"
        look = "what loads it"
        family = "reverse-shell"
        weight = 95
    strings:
        $loader = "ReflectiveLoader"
        $stage1 = "metsrv" ascii wide
        $stage2 = "meterpreter" ascii wide nocase
        $stage3 = "beacon.dll" ascii wide nocase
        $stage4 = "beacon.x64.dll" ascii wide nocase
    condition:
        is_executable and ($loader and any of ($stage*))
}
