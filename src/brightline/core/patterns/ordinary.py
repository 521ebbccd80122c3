# SPDX-License-Identifier: Apache-2.0
"""Words that a model writes in capitals where it makes a heading, and that name nobody by themselves.

They are words that stood in small letters in at least eight texts of the open corpora that the classifiers are trained
on, mostly English, less those that other words here lead to (``names.py`` takes off endings) and less given names.
"""

from __future__ import annotations

from typing import Final

ORDINARY: Final = frozenset(
    """
a-t-il abbey abide abilities able about above abroad absolute absorb abstract absurd abuse abusive academic accent
accept access accident acclaimed accommodations accomplish accomplishments according account accuracy accurate
accusations accusatory accused accusing acheter achieve achievements acid acknowledge acquire acronym across act
action activated active activities actor actress actual adapt add additional additions address adequate adhere
adjectives adjust adjustments admin administrative administrator admire admit adopt adrenaline adresse ads adult
advanced advancements advantage adventure adversarial advertising advice advise advisor advocacy advocate adware
aesthetic affaires affairs affect affirm affirmations affirmative afford afin afraid african after aftermath again
against age agency agenda agent aggressive ago agree agreements agricultural ahead ai aid aide ailments aim ainsi air
airport alabama alarm album alcohol alerts algebra algorithm alien align alive all all-powerful alla allegations
alleging alleviate allow allure ally almost alone along alongside alors alpha already also alter alternate
alternative although always amateur amazing amazon ambiguous ambitious america american americans ami amie amino
among amoral amount amp amplify analogies analysis analyst analytics analyze anarchy anatomy ancient and anecdotes
anew anger angles angry animals anime announced annoying annual anonyme anonymous anorexia another ans answer
antarctic anthem anti-malware anti-virus antivirus anxiety any anybody anymore anyone anything anyway anywhere apart
apes api apologies apologize app apparent appeal appear appearances applications applied applies applying appointed
appraise appreciate apprendre approach appropriate approvals approve approximately arab arbitrary architecture
archives arctic are area argent argue arguments arise arm arme army around array arrive art artery article articulate
artifact artificial artist artistic artwork ashamed asia asian aside ask aspect assault assembly assertive assess
assessments assets assez asshole assigned assignments assist assistant assistive associated assume assumptions assure
asterisks astros atlantic atmosphere atom atomic attach attachments attack attempt attend attentively attest attitude
attorney attract attractive attribute aucun aucune audiences audio auditor auditory aussi australia auteur authentic
author authorities authorized auto automated automates autonomous autonomy autre aux avait avant avec average avez
avoid avoir avons awaits award awarded awards aware away awesome ayant baby back backdrop background backlash
backstory backup backwards bacteria bad bag baking balanced ball ballot banana bancaires band bank bankruptcy banned
bar bare barrier base baseball basic basis basketball batch batman battery battle bay beach beantworten bear beast
beat beaucoup beautiful beauty became because become been beer before began begin begun behalf behave behavior
behaviour behind being belief believe belittle belong beloved below bench benchmarking bend beneath beneficial
benefit benign beside besoin best better between beyond bias bible bicycle bien big biggest billion billionaire bin
binary bio biological biologique biometric bird birth birthdate birthday bit black blackmail blame blank blend blind
block blog blood bloodstream blue blueprint board body bold bomb bon bonds bone bonne book boost boot border boring
born boss bot both botnet bottom bought bound boundary bowl box boy boyfriend brackets brain brainstorm branch brand
brave breach bread break breakdown breakfast breakthrough breath bribe bridge brief bright brightline brilliant bring
broad broadcast broke broken brother brought brown browse brute buddhism budget build buildings built built-in
bulimia bull bullet bullshit bully bunch bundle burden burn bus businesses businessman bustling busy but button buy
bypass byte cable cache cadre caesar calculate calculus call calm calories came camera camouflage campaign can canary
cancer candidate candy cannon cannot cant capabilities capital capitale caps captain captivating capture car carbon
cards care careful caribbean carry cas case cash cast castle casual casualties cat catastrophic catch category caught
cause cautionary cautious cease cela celebrate celebrations celebrities cell censor center centre century certain
certificate certifications ces cet cette ceux chain chair chairman challenge champion championships chance change
channel chaos chapter chaque character characteristic characterized charge charismatic charm charts chat chatbot
chatgpt che cheat check checkpoint chef chemical chemist chemistry cherche chest chez chiama chicken chief child
childhood children chill chimiques chinese chip choice choose chose chosen christianity christmas chromosomes chunk
church circles circuit circular circulatory circumstances circumvent cite citizen city civil claim clarify class
classe classic classified classifier classmates clause clean clear clever click client climate clock clone close
clothes clothing cloud club clues cluster coach coast coat cocaine code coffee cognitive coherent coins cold
collaborative collapse colleague collect collective college colonial colony color column com combat combine come
comedic comedy comic command comme commencer commentary commenting comments commerce commercial commettre
commissioned commit commitments common common-sense commonalities communicate communications communities compact
companion company compare comparisons compartments compassionate compelled compelling competitive competitor compiled
complete completions complex complexities compliant complicated compliments comply component comportements compose
compound comprehend comprehensive comprendre compromise compte computer computing con concept concern concernant
concise concrete condescending conditions condone conduct confident confidential confined confines confirm conflict
confront confrontational confused confusing congress congressional connais connaissances connect connections
connexion connotations conscious conseils consensus consent consequences consequential consequential-thinking
consider considerate considerations consist consistency consistent console conspiracy constant constitutes
constrained constraints construct constructive construed consult consultant consume contact contain contemporary
content contenu contest context continent continue continuous contourner contract contradict contraire contrario
contrast contre contribute contributions control controversial controversy convaincre convenient conventional
conversational conversations conversing conversions convert convey convince cook cool cope copper copy copyright core
corner corpora corporate corporations corps corpus correct cosigned cost cotton could counseling counselor count
counteract counterfactual counterfeit countermeasures country coup couple courage cours course court cousin cover
coverage covert covid cow coworker crack craft crash crazy create creative creator creature credential credit crew
cricket crime criminal crisis criteria critic criticize critique cross crossover crowd crucial cruel cry
cryptocurrency cse css csv cues culture cunning cup cure curieux curious currency current curriculum curse curve
custom customary cut cute cutoff cyber cyberbullying cybersex cybersexe cycle dad daily dallas damage dance danger
dangereuses dangereux dangerous dans dark darkest das data database date daughter day de-escalate dead deadline deal
death debate debit debt decades deceive deceptive decide decision-making decisions declared decline decrease
dedicated deducted deductions deemed deep deepen deepest deepfake def default defeat defend defense defensive define
definitely definitions definitive degree dehumanize del delay delete deliberate delicate deliver delivery della delve
demand demande demean demeanor demo democracy democratic demonstrate den denial deny depend depict deploy depraved
depth depuis der derived derogatory des descent describe descriptions descriptive desert deserve design designated
desire desk desperate despite destroy destructive detail detect detective detector deter determine deux devant
devastating develop developments deviate device devoir devraient devrait dfm diagnose dialogue diaries dictionary did
die diet differ differences different difficult difficulty diffuse digest digestive digital digits dimensions dinner
dioxide diplomatic dire direct directions directive director directory dirty disabilities disabled disagree
disagreements disaster disciplinary discipline disclaimer disclamers disclose disclosures discomfort discord
discourage discours discourse discover discovery discredit discreetly discriminate discriminatory discuss discussions
disease disguise disgusting dish disk dislike dismissing disorder dispel display dispose disregard disrespect
disrespectful disrupt dissimuler distant distinct distinctive distinguish distractions distress distribute district
dit dive diverse divert divide dna doctor documentary documented documents dodge does doesn doesnt dog doing dois
dois-je doit dollars domain domaine domanda domestic dominant dommages donations donc done dont door dots double
doubt down download downright draft dragon drama dramatic drastic draw drawn dream dress drift drill drink drive
driven droit drone drop drug drunk dry due dull dumb dump during dust duty dynamic dynasty dystopian e-commerce each
eager eagles ear earlier earliest earn earnings earth earthquake ease easier easily east easter eastern easy eat
eavesdropping economic economy edge edgy edit editor editorial educate educational effect effective efficace
efficiency efficient effort egg egypt eight eighth either elaborate elderly elected elections electric electron
electronic elements elephant eleven eliminate elle else elsewhere email embark embedded embody embrace emerged
emergency emoji emotional emotions empathetic empathy emperor emphasis emphasize empire employ employee empower empty
emulate enable enact enclosed encoder encoding encompasses encore encounter encourage encrypt end end-to-end endeavor
endocrine endorse enemy energy enfant engage engine engineering english enhancing enigmatic enjoy enlighten enough
enrich enrol enroll ensure entendu enter entertaining enthusiasm enthusiastic entire entitled entity entre
entrepreneur entreprise entry environmental environments envoyer epic episode equal equations equipped equivalent era
erase erotic err error escalate escape essay essential est est-ce est-il establish estate esteemed estimate etc ethic
ethnic ethnicities etiquette euphemisms europe european eux evade evaluate even event ever every everybody everyday
everyone everything everywhere evil evolve exacerbate exact exaggerated exam examining example excellent excellente
except exceptional excess excessive exchange excited exciting exclude exclusionary exclusive excuse execute executive
exemples exercise exhaustive exhibit exist existe exit expand expect expectations expense expensive experienced
experiences experiencing experimental experimenting experiments expert expertise expired expires explain explanations
explicit exploit explore explosifs explosive export expose exposure express expressions expressive extend extensions
extensive extent external extra extract extraordinary extreme extroverted eye fabric fabricate fabriquer face
facebook facial facilitate facilities fact factor factory factual fail failure fair faire fais faisant fait fake fall
fallacy false falsify fame familiar famille family famoso famous fan fantastical fantasy far fascinated fascinating
fashion fast fastest fat father fault fausses faux favor favore favorite fear feature federal fee feedback feel
feelings feet fell fellow felt female femmes fermi festival fetch few fictional field fifty fight figure file fill
fille film filter fin finale finances financial financier finding findings finds fine finger fingerprint finish fire
firearm firewall firm firmware first fish fit five fix flag flames flash flat flavor flaws fleeting flight flood
floor florida flow fluctuations fluid fly focus fois folder folgende folklore folks follow font food foolproof foot
footage football for forbidden force foreign forest forever forge forget forgot forgotten form format forme formula
formulate fort forthcoming fortune forum forward foster fought foul found four fournir fourteen fourth frame
framework fraud fraude fraudulent free freedom french frequency frequent fresh friend from front fruit fuck fuel
fulfill full fully fun functional functioning functions fundamental funding funds funny furious further future
futuristic gagner gain galaxy gambling game gang gap garage garden garder gas gateway gather gauge gave gay gear
gender gender-based gender-neutral general generalizations generate generations generator generic genetic genocide
genre gens gentle gently genuine geological geometry geopolitical gestures get ghost giant gift girl girlfriend give
given gland glass globe glorifies glucose goal god goes going gold golden gone gonna good google got gotten gov
governing governments governor gps gpt grade grammar grand grande graphic graphite grateful gratitude graves great
greatest green greenhouse greeting grew grey groom gros ground groundbreaking group groupe grow grown growth
guarantee guard guardians guardrails guess guest guide guideline guilt guilty guitar gulf gun guru gut habits hack
had hair half halftime hall halt hand handle hanger hanging happen happily happy harass hard hardware harm harmful
harmless harmonious harmony harsh has hash hashtags hat hate hateful hatred haut haute have hazard hazardous hbo head
headquarters healing health healthcare healthier healthy hear heart heat heaven heavily heavy height held hell help
helpful henceforward her here hereby heritage hero heroin herself hes hesitate heterosexual hex hidden hide high
high-profile high-risk high-stakes highest highlight hijack hill him himself hinduism hint hire his hispanic histoire
historian historic history hit hoax hobbies holder holders holding holds hole holiday home homeless homemade homme
homophobia homophobic honest honesty honey honor hook horizon hormone horror horse hospital host hostile hot hotel
hour house household how hte html http huge hulu human humanities humble humor humorous hundred hunt hurricane hurt
hurtful husband hydrogen hygiene hyperbolic hypothetical ice icon iconic idea ideal identifier identify identities
ideologies idiot ids ignore ii iii illegal illicit illustrate ils image imagery imaginary imaginative immediate
immense immerse immersive immigrants imminent immoral immune impact impactful imperative impersonate implemented
implementing implications impliquant imply import important imposed imposes improve improvements in-depth inaccurate
inadvertently inappropriate inches incident incite include inclusive income inconsistencies incorporate incorrect
increase increasingly incredibly indeed independent index india indian indicate indicator indigenous indirect
individual individus industrial industry infect infections inferior infiltrate infinite inflammatory influenced
influencer influences influencing influential info infographics inform informational informations informative
infrastructure infringed infringing ingredient inhabitants inherent inherited inhumane init initial initiate
initiative injury ink inner innocent innovative input inquiry insecure insensitive insert inside insight insightful
inspire instagram install instances instant instead institute institutions instructed instructions instructs
instrumental instruments insult integers integrated intellectual intellectuelle intelligent intended intense intent
intentions interact interactions interactive intercept interest interface interfere interior internal international
internet interpersonal interpret interpretations interrupted interrupting intervals interview intestine intimate
intimes intimidating into intricate intriguing intrinsic introduce intrusive intuitive invade invent inventions
inventor inventory invest investigate investigative investigator investments investor invite involve ipv iron
irrelevant islam island islander isn isolated issue ist italian item iterate its itself iv iwp jail jailbreak
jailbroken jamais japanese jargon jazz jet jeu jeune job join joint joke jour journal journalist journey json jsonl
judaism judge judgmental judgments juice jungle juridiques jurisdictions jury jusqu just juste justice justifier
justify keen keep kept key keylogger keywords kid kill kind king kitchen knew know knowledge known lab label labor
laboratory lack ladder lady laid laisser lake lancer land landlord landscape langage language laquelle large
large-scale largest las last late latest latin laugh laughter launch launder law lawful lawsuit lawyer lay layout
lazy lead leaf league leak learn lease least leave lecture led left leg legend legendary legislative legislature
legitimacy legitimate lemon len lending length lengthy les lesquelles lesquels lesson let leur level liable lib
liberty library license lie lieu life life-threatening lifestyle lifetime lift light light-hearted lighten
lighthearted ligne like likelihood limit limitations line linear linguistic link linkedin lint lion liquid list liste
listen lit literary literature little live livelihood livre llama load loan local locate locations lock locksmith log
logic login loi long long-term longest longtemps look loop loopholes loose loosen lord lors lorsque lose losses lost
lot loud love low lowercase lowest loyal loyalty lui lungs luxury lying lymphatic lyrics machine mad made magic
magnetic magnificent mail main mainstream maintain maintenant mais maison major make mal maladie male malicious mall
malware man manage manchester mandates mandatory manifest manipulate manipulative manipuler manual manufacture many
map marathon marginalized marginalizes marine markdown marked markers market marks marriage married mask mass masse
massive master match mater material math mathematical mathematician matter mature mauvais mauvaise maximize maximum
may maybe mayor mean meaningful meanings meant meanwhile measure measurements meat mechanic mechanisms medal media
medical medications medicine medieval mediterranean medium meet meetings meilleur meilleure member membrane memes
memory men mental mentale mentioned mentioning mentions mentor menu mere merge merriam-webster mes message mesure met
metadata metaphor metaphysics meth methamphetamine method meticulous metrics mettre meurtre michigan microphone
microwave mid mid-way middle mieux might migrate miles milestone military milk million mimic min mindful minds
mindset mine minerals mineurs minimal minimize minimum minister minor minute mirror mischievous misconceptions
misconduct misinterpreted mislead misrepresent miss mistake mistrust misunderstandings misuse mitigate mix mixture
mlb mobile model modern modern-day modes modifications modify moi moins mold molecular molecules mom moment mon monde
mondo monetary money monitor monster month montrer mood moon moralities moralizing morals more morning mortgage most
mother motion motivate motivations motor mots mount mountain mouse mouth move movements movie moyen mph much
multi-factor multifaceted multiple mundo murder muscle muscular museum music muslim must mute mutual myself
mysterious mystery mystical mythical myths naked name narrative narrow nation native nature naughty nausea navigate
navy nba ncaa ncr near nearby necessarily necessary need nefarious negative neglecting negotiate neighbor
neighborhood neighbours neither nephew nerve nervous net netflix network neural neutral never new newest next nfl
nginx nice nickname night nine no-charge nobel noble nobody nodding node noise noisy nom nombre non non-binary
non-confrontational non-consensual non-exclusive non-generic non-human non-judgmental non-verbal non-violent nonce
none nonmoral nor normal normalize norms north northern northwest nos not note nothing notice notifications notify
notions notre nous nouveau nouvelle novel novelist now nowhere nuanced nuances nuclear nucleus nude nudity nuire null
number numerous nurse nutrients obey obfuscate object objective obligations obscure observations observe obstacles
obtain obtenir obvious occur occurrences ocean oceania odd off offend offense offensive offered offering office
official offline often ohio oidc oil okay old oldest olympic olympics once one one-sided one-time oneself ongoing
online only ont onto onwards open open-ended open-minded open-source openai opera operate operational operations
operator opinion opponent opportunities opposing opposite opt optical option oral orange orbit order ordinary org
organ organisations organisms organizations organize orientations origin originate other otherwise our ourselves out
outcome outdated outdoor outgoing outlets outline output outright outside outstanding ovale over overall overcome
overlooked override oversight overstate overview overwhelmed overwhelming own oxygen pacific package packed packers
padlock page paid pain painful paint paintings pair pan pandemic panel panic paper par paragraph parallel parameters
paramount paraphrase parce parent parentheses park parler part partage partenaire participants participate particles
particular particulier partie partir partner party pas passage passcode passe passionate passive passkey passport
password past paste patch patent path patient patron patronizing pattern pause paved pay payload payments pdf peace
peaceful peak peculiar peer peine pem pen penalty pendant pending pense penses-tu pensez-vous people per perceive
percent percentage perceptions perfect perform perhaps period periodic permanent permettent permissions permit
perpetual perpetuate persistent person person-first persona personalities personalized personnage personne personnel
personnelle perspective persuade persuasive pertain pet petit peu peur peut peut-elle peut-il peut-on peuvent
peuvent-elles peuvent-ils peux phase phenomenon philippines philosophical philosophy phishing phone photo photograph
phrase physical physician physicist physics physique pick picture piece pin pink pirated pitch pivotal place
placeholders plagiarize plain plaisir plan plane planet plant plastic plate plateformes platform play playful playoff
playwright please pleasure plenty plot plugins plus plusieurs poem poet poetry point poison police policy polite
political politician politics politique pool poor pop pop-culture pop-up populaires popular populations porn
pornographic pornographie port portray pose positions positive possess possibilities possibly post posture potential
potter pounds pour pourquoi pourraient pourrais pourrait pourrait-il pouvoir pouvons-nous poverty powder power
powerful practice pragmatic praise prank pratiques prayer precautions precise predators predict predictions preface
prefer preferences prefix pregnancy pregunta prejudice premier premiere prendre prepare prescribe present present-day
preserving president presidential press pressure prestigious presuppositions pretend pretty preuve prevent preventive
preview previous price pride primarily primary prime principal principle printed printer printing prints prior
prioritize pris prison privacy private prix prize pro proactive probably probes problem problem-solving procedure
proceed process processor processus produce product productive produit profanities professional professor profile
profit profound program progress project projet prominent promise promote prompt pronouns proof propaganda propagate
proper property propos propose propre proprietary prose protagonist protect protections protective protein protest
protocol proud prove proven provide provider-officer province provoke provoquer proxy prv pseudonym psychological
psychologist public publications publique publish puis puis-je puisse pulitzer pull pulmonary pump puns purchase pure
purple purpose pursue pursuit push put puzzle pyramid python quadrant quale qualifications qualify qualities quand
quantum quarantine quarter que queen quel quelqu quelque query quest questioning questions queue qui quick quiet
quite quoi quorum quotations quote quran race racial racism racist radical radio radioactive radiological railway
rain raise raison ran random range rank ransom ransomware rant rape rapidly rapport rare rash rate rather ratings
ratio raw reach react reactions reactor read readily ready readyz real real-life real-time real-world realistic
realize realm reason recall receipt receive recent recharge recherche recipe recipient reckless recognize recommend
recommendations record recordings recount recover recovery recruit red redirect redistributing reduce refer
referenced references refine reflect refocus refrain refusals refuse regain regard regardless regime region register
registry regular regulate regulations regulatory reign reinforce reject relate relations relationships relative relax
release relevant relief religion religious rely remain remarks remedies remembers remind remorse remote remove
renaissance rendre renowned rent repair repeat repeatedly repercussions replace replicate reply report repository
represent representative reproduce reproductive republic request require requirements research resemble resend
reserve reset resident resolve resonate resort resource respect respectful respond responda responde response
responsibilities responsibly rest restart restaurant reste restless restore restrict restrictions result resume
retail retain retire retrieve return reveal revenge revenue reverse revert review revoke revolution revolutionary
revolutionized revolves reward rewrite rhetoric rice rich richest rid ride rien right rigorous ring rise risk risky
risque rival river road rob robot robust rock rogue role role-play roleplay roll rollback romantic room root roster
rough round route routine row royal royalty-free rude rugby ruin rule rumeur rumor run rural rush russian ruthless
sabotage sacred sad safe safeguard safest safety said sais sake salary sale salt same sample sang sans santa sarcasm
sarcastic satellite satisfy save savings savoir saw say scale scam scan scandal scared scary scenario scene scent
schedule scheme scholar school scientific scientist scope score scratch screen screenplay screenshots script scrutiny
sea seal search season second secondary secret secretary secretive sections sector secure see seeds seek seem
seemingly seen seguente select self self-aware self-care self-confident self-entitled self-esteem self-harm
self-worth sell selon semble send senior sens sense sensibles sensitive sensors sensory sent sente sentences sentient
separate serait series serious serve service ses sessions set settings settle setup seul seven severe sex sexe sexism
sexist sexual sexuel sexuelle sexy shades shadow shall shame shape share sharp she sheet shell shelter shield shift
ship shit shock shoes shoot shop shoplifting short shot should shouldn show showcase shown shut shy sick side sig
sight sign signals signature significa significant siguiente silent silly silver similar simple simply simulate
simulator since sincere sing single sinister sins sister sit site situations six sixth size skating skeptical sketch
skill skin skip sky slang slave slavery sleep slide slight slightest slow slur small smart smartphone smell smile
smoke smooth smuggle snapshot snow snp social sociale sociaux societal society socioeconomic socket soft software
soient soil soit solar soldiers sole solid solo solutions solve some somebody someone something sometimes somewhere
son song sont soon sophisticated sorry sort sorte sought souhaite soul sound source sous south southeast southeastern
southern soutien space spam span spanish spare spark speak special specialist specialized specializes specializing
species specific specifications specify spectrum speech speed spell spend spent spice spinal spirit spiritual split
spoke spoken sport spot spouse spread spring spy spyware sql square src ssh stable stack staff stage stake stalked
stalking stamp stance stand standard star start startup state statements stations statistical statistics statue stay
steady steal steam steel steer stem step step-by-step stereotype stick stigma still stock stolen stomach stone stood
stop stoppage storage store storm story storyline storyteller storytelling straight straightforward strain strange
strategic strategy stratovolcano stray stream street strength strengthen stress strict strike string strive strong
structure struggle stuck student studio study stuff stupid style stylistic subject subjective sublicense submissive
submit subsequent substances substantial substitute subtle subtly succeed success successful such sudden suffer
suffix sugar suggest suggestions suicidaires suicide suis suit suite suivante suivre sujet sum summarize summary sun
super superbowl superior supernatural supplements suppliers supply support supportive supposed suppress supreme sur
sure surface surprise surrounded surrounding survive suspect suspend suspense suspicion suspicious sustained sway
swear sweet swift swim switch symbol symptoms synonyms syntax synthesis system systemic tab table tablets taboo
tackle tactic tactiques tag tail tailor take taken tale talent talk tall tallest tampering tant tapping target task
taste tax tea teach team tech technical technique technological technologies teenager telephone telescope tell tels
temperature template temple temporary temps ten tendencies tennis tense tensions tenure term terme terminal terminate
territory terrorist tes test testimonials text texture than thanksgiving that the theft their them theme themselves
then theoretical theory therapist therapy there thereby therefore thereof these thesis they thick thieves thin thing
think third third-party this thorough those though thought thought-provoking thoughtful thousands thread threat
threatening three threshold thrill throat throne through throughout throw thus ticket tide tied tiene time
time-sensitive timeline timestamp tiny tip tired tirer tissue title tlog-proof to-do today together toggle token
tokenizer told tolerate tomb toml tomorrow ton tone too took tool top top-secret topic torah torn tort torture total
touch tough toujours tour tourist tous tout toute toward tower town toxic toy tpm trace track trade trademark
traditional traditions traffic trafficking trafic trail train traits transactions transcends transfer transform
transgender translated transmitted transparency transparent transphobia transport trapped trauma traumatic travail
travaille travel treasure treat treatments treaty tree trend trial triangle trick trigger trip trivia tromper troops
trop trouble trouve true trunk trust truth truthful try turn tutorial tv tweet twenty twice twist twitter two
two-factor type typical ultimate umbrella una unable unasked unattended unauthorized unaware unbiased uncensored
uncertain uncertainty unclear unconscious unconventional uncover under undergo underground underlying undermine
underspecified understand understood undetected undisclosed undivided une unethical unexpected unfair unfamiliar
unfiltered unfold unfortunate unhealthy unhinged uniform unintentional union unique unit unite unity universe unknown
unless unlike unlimited unlock unnamed unnecessary unrealistic unrestricted unsafe unsecured unseen unskilled
unsolicited unsure unsuspecting until unusual unverified unwanted unwavering up-to-date upbringing upcoming update
upgrade uphold uplift upon upper uppercase upset upstream urban urge urgency urgent url usa usage usb use useful user
user-friendly username using usual utilisant utilisateurs utilisent utiliser utilize utmost utterly vaccine vague
vais valid validate value vampire van vandalize vapor var variables variations variety various vary vast vcr vegas
vehicle vendre venger ventricle venture verbal verbatim verdict verifier verify versions very vessels veut veux via
vibrant vice victim victory video vie view viewpoint vigilant vikings village ville violate violations violent viral
virtual virus vision visit visitors visual vital vivid vkey voice void voir vol volcanic volcano volume von vos vote
votre vous vrai vue vulgar vulnerabilities vvt wage wait wake walk wall wanna want war warfare warm warmth warn
warnings warranty wars wary was waste watch water wave way weak weaken weaknesses wealth wealthy weapon wear weather
weave web webhook website week weight weird welchem welcome well well-being well-known wellbeing went were west
western wet whale what whatever whatsapp wheel wheelchair when whenever where wherever whether which while white who
whoever whole whom whose why wi-fi wide widespread wife wifi wikipedia wild wildlife will win window winter wire
wisdom wise wish wit witch with withdraw within without witnesses witty wizard woman women won wonder wonderful wood
word work work-life workflow workload workout workplace workshops workspace world worldwide worn worry worse worst
worth worthless would write written wrong wrongful wrote www yards year yellow yes yet you young your yourself
youtube zero zone
""".split()  # noqa: SIM905 - a list of thousands of words, a line each, would be unreadable
)
"""In small letters. Surnames that are words too are among them: a given name beside one makes it a name."""
