"""What made-up people are called and what they say: lists to draw from, skewed as in life."""

from __future__ import annotations


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


# Commoner ones first: whoever draws favours the beginning.
FIRST = _split(
    "Maria John Anna Michael James Sarah David Thomas Laura Peter Emma Daniel Julia Martin Lisa "
    "Robert Sophie Paul Nina Andrew Claire Mark Eva Simon Elena Lukas Marie Jonas Katharina Ben "
    "Ines Oliver Petra Felix Nadia Hugo Alice Karim Rosa Viktor Olga Samuel Ruth Adam Greta Leon "
    "Fatima Tim Carmen Noah Irene Hassan Wanda Miguel Beatrix Yusuf Agnes Kofi Ottilie Bartholomew"
)
LAST = _split(
    "Smith Jones Mueller Brown Schmidt Taylor Garcia Wilson Fischer Martin Weber Evans Rossi Wagner "
    "Thomas Becker Johnson Hoffmann Roberts Koch Walker Bauer Wright Richter Robinson Klein Wolf "
    "Thompson Schroeder White Neumann Hughes Schwarz Edwards Zimmermann Green Braun Hall Krueger Wood "
    "Hartmann Harris Lange Clarke Werner Lewis Krause Jackson Lehmann Turner Koehler Hill Maier Cooper "
    "Herrmann Ward Kaiser Morris Fuchs Moore Lang Clark Scholz Lee Moeller King Weiss Baker Jung "
    "Harrison Hahn Morgan Keller Allen Vogel Patel Friedrich Okonkwo Novak Haddad Lindqvist Ferreira "
    "Dubois Kowalski Nakamura Ivanova Abernathy Featherstonehaugh"
)
FIRST_ABROAD = _split(
    "Jürgen Chloé Björn Zoë Søren Małgorzata Håkon Inès Tomás Şule Ángel Dvořák Ægir Łukasz François "
    "Ólafur Žofie Đorđe Nuño Anaïs"
)
LAST_ABROAD = _split(
    "Müller Schäfer Öztürk Lefèvre Nuñez Jäger Weiß Åkesson Dvořáková Wójcik Çelik Gonçalves Sørensen "
    "Bäcker Großmann Þórsson Kovačević Peña Lemaître Straßburger"
)
LAST_JAPANESE = _split("佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田")
FIRST_JAPANESE = _split("翔太 陽菜 美咲 健太 葵 大輔 結衣 直樹 さくら 蓮 七海 拓海")

HOSTS = _split("example.org example.com mail.example.net post.example.de correo.example.es")
CITIES = _split("London Berlin Lyon Madrid Leeds Hamburg Turin Ghent Graz Porto Malmö Kraków")
ETHNICITIES = (
    "White", "Asian", "Black", "Mixed", "Arab", "Roma", "Prefer not to say", "Other",
)  # fmt: skip

SUBJECTS = _split(
    "my our the this that another every one his her their your"
)  # fmt: skip
NOUNS = _split(
    "manager kitchen invoice neighbour laptop rota ward daughter bicycle contract corridor "
    "printer supervisor garden shift pension window landlord ferry orchard depot nurse parcel "
    "heating ledger canteen apprentice roof tractor uniform stairwell calendar brother archive "
    "waiting-room translator harbour elevator workshop scanner allotment warehouse dentist choir "
    "overtime basement keyboard timetable greenhouse locker mortgage foreman pharmacy platform"
)
VERBS = _split(
    "blocked repaired forgot ignored painted borrowed cancelled inherited misplaced promised "
    "replaced rejected delivered postponed measured questioned returned counted flooded renamed "
    "insured shortened demanded translated unplugged rearranged complimented underpaid recorded "
    "photographed hid sold interrupted overheard tested copied swapped audited warmed emptied"
)
ADJECTIVES = _split(
    "broken generous draughty unpaid second-hand noisy yellow temporary endless rusty spare quiet "
    "expensive illegible friendly damp antique stubborn frozen crowded unsigned borrowed narrow "
    "brilliant late foreign heavy hopeless invisible wooden wrong left-handed municipal tiny"
)
ADVERBS = _split(
    "yesterday twice rarely again in-spring abroad upstairs quietly nearly always on-Fridays online "
    "afterwards without-notice by-hand since-March never alone at-night together somehow lately"
)
LINKS = _split("because although while until and but so whenever since after before unless")

GERMAN = _split(
    "der Zähler läuft seit März rückwärts und niemand prüft Küche Büro Überstunden während größere "
    "Nachbarn äußerst selten öffnen müssen wir später Brücke Schlüssel Tür Gehälter Straße früher "
    "gehört Fußboden möchte keiner mehr erklären warum Geräte plötzlich ausfallen übrigens Kälte"
)
FRENCH = _split(
    "le dernier étage où élève préfère garder sa clé après midi français très déçu voilà même fenêtre "
    "être hôpital château à côté août forêt naïf où personne ne répond reçu dégât élevé système près "
    "vélo garçon leçon âgé théâtre tôt bientôt marché égal été"
)
JAPANESE = _lines(
    """
    職場の雰囲気はとても良いと思います
    残業が多くて疲れることがあります
    上司との相談がしやすくなりました
    通勤時間が長いので在宅勤務を希望します
    研修の内容が実際の仕事に役立ちました
    休憩室の冷房が壊れたままです
    """
)

BOILERPLATE = (
    "n/a", "N/A", "none", "I don't know", "no comment", "-", "nothing", "Prefer not to say",
    "see above", "No", "Yes", "I have nothing to add at the moment, thank you",
    "I would rather not answer this question",
)  # fmt: skip
STOCK = (
    "at the end of the day", "to be honest with you", "as far as I can tell",
    "for the time being at least", "on the other hand though", "when all is said and done",
)  # fmt: skip
QUESTIONS = _lines(
    """
    What is your household income before tax in the last twelve months?
    Which of the following best describes your ethnicity?
    How satisfied are you with your current place of work, from one to five?
    Is there anything else that you would like to tell us about your working day?
    Would you recommend your employer to a friend or a member of your family?
    On which date did you begin to work for your present employer?
    Please describe in your own words what would make your working day easier.
    May we write to you at the e-mail address that you gave us when you signed up?
    """
)

FILE_NAMES = (
    "backup_old_2.dat", "export (1).csv", "data", "tmp8f31", "report-final-FINAL.doc", "img_2041.jpg",
    "~save.tmp", "notes.txt", "a.bin", "index.html", "dump.bak", "core.1184", "README", "x.xlsx.old",
    "respondents.csv", "q3.zip", "untitled", "Kopie von Liste.txt", ".cache", "mail.log",
)  # fmt: skip
